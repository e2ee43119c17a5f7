"""Classifies clips and streams with a finished run; makes the served signatures."""

from dataclasses import asdict

import numpy as np
import tensorflow as tf

from apps.common.explain.traces import gate_outputs
from apps.common.export.litert.graphs import DeviceGraph
from apps.common.layers.state import next_states
from apps.common.predictor import Predictor as Base
from apps.common.predictor import part
from apps.speech_commands.answers import Answers
from apps.speech_commands.features import LogMel, fit_clip
from apps.speech_commands.model import clip_logits, pooled, streams
from apps.speech_commands.streaming.stream import build_minutes, build_stream
from apps.speech_commands.streaming.threshold import read_detection
from apps.speech_commands.wav import decode_wav
from lstm_layer.gates import record_gates

WAVEFORM = [tf.TensorSpec([None, None], "float32", name="waveform")]


class Predictor(Answers, Base):
    """Recognizes words in clips and streams with the model of a finished run."""

    @part
    def front_end(self):
        """The `LogMel` that computes the model's inputs."""
        return LogMel(self.config.data.sample_rate_hz, **asdict(self.config.features))

    @property
    def samples(self):
        """Length of a clip in samples."""
        return self.config.data.sample_rate_hz * self.config.data.clip_ms // 1000

    @part
    def answer(self):
        """Classifies `waveform`, float32 between -1 and 1 `(batch, any)`.

        Returns `label`, strings `(batch,)`, and `probabilities`, float32 `(batch,
        labels)` in the order of `labels`. A waveform longer than a clip is cut to its
        loudest part.
        """
        names = tf.constant(self.labels)

        @tf.function(autograph=False, input_signature=WAVEFORM)
        def answer(waveform):
            waveform = tf.debugging.check_numerics(waveform, "waveform")
            logits = tf.cast(self._logits(waveform), "float32")
            return {
                "label": tf.gather(names, tf.argmax(logits, axis=-1)),
                "probabilities": tf.nn.softmax(logits),
            }

        return answer

    def _logits(self, waveform):
        features = self.front_end(fit_clip(waveform, self.samples))
        return clip_logits(self.model, features, self.config.model.pooling)

    @part
    def gates(self):
        """Takes the inputs of `answer`; returns the outputs of `gate_outputs`.

        A timestep's label is the time at its end in milliseconds.
        """
        frames = self.front_end.frames(self.config.data.clip_ms)
        ends = (1 + np.arange(frames)) * self.config.features.hop_ms
        labels = tf.constant([f"{end:.0f} ms" for end in ends])

        @tf.function(autograph=False, input_signature=WAVEFORM)
        def gates(waveform):
            _, recorded = record_gates(lambda: self._logits(waveform))
            repeated = tf.tile(labels[None], [tf.shape(waveform)[0], 1])
            return gate_outputs(recorded, repeated)

        return gates

    @part
    def wav(self):
        """Decodes `wav_bytes` `(batch,)`; returns the outputs of `answer`.

        Each is the content of a PCM WAV file at the model's sample rate; see
        `decode_wav`. The channels are averaged.
        """
        rate_hz, samples = self.config.data.sample_rate_hz, self.samples
        spec = tf.TensorSpec([None], "string", name="wav_bytes")

        def decode(file):
            return fit_clip(decode_wav(file, rate_hz)[tf.newaxis], samples)[0]

        @tf.function(autograph=False, input_signature=[spec])
        def wav(wav_bytes):
            waveform = tf.map_fn(decode, wav_bytes, fn_output_signature="float32")
            return self.answer(tf.ensure_shape(waveform, [None, samples]))

        return wav

    @property
    def streams(self):
        """Whether the model predicts at each frame, and so can process a stream."""
        return streams(self.model)

    @part
    def stream(self):
        """The `tf.function` that `build_stream` returns; needs `streams`."""
        parts = self.model, self.front_end, self.config, self.labels
        return build_stream(*parts, self.detection)

    @part
    def minutes(self):
        """The `tf.function` that `build_minutes` returns; needs `streams`."""
        return build_minutes(self.model, self.front_end, self.config)

    @part
    def detection(self):
        """The run's settings of the detector by name, as in `DETECTION`."""
        return read_detection(self.directory)

    def graphs(self):
        """Returns the model for other engines, from log-mel frames to logits.

        `logits` are those of each row as a clip. A model that streams also takes and
        returns its state, and returns `frame_logits`.
        """
        features, *states = self.model.inputs
        specs = [tf.TensorSpec([None, None, features.shape[2]], name="features")]
        specs += [tf.TensorSpec([None, s.shape[1]], name=s.name) for s in states]
        pooling = self.config.model.pooling

        @tf.function(autograph=False, input_signature=specs)
        def speech_commands(features, *state):
            if not self.streams:
                return {"logits": self.model(features, training=False)}
            logits, *state = self.model([features, *state], training=False)
            return {
                "logits": pooled(logits, pooling),
                "frame_logits": logits,
                **next_states(states, state),
            }

        return {"speech_commands": speech_commands}

    def device_graphs(self):
        """Returns the files for devices: `clip`, and `stream` for a model that streams.

        They take log-mel frames: `clip` those of a whole clip, `stream` one a call.
        """
        frames = self.front_end.frames(self.config.data.clip_ms)
        graphs = {"clip": DeviceGraph(self.name, "logits", frames)}
        if self.streams:
            pooling = self.config.model.pooling
            graphs["stream"] = DeviceGraph(self.name, "frame_logits", 1, pooling)
        return graphs

    def settings(self):
        """Returns what an engine needs to know beside the graph."""
        data = self.config.data
        return {
            "sample_rate_hz": data.sample_rate_hz,
            "clip_ms": data.clip_ms,
            **asdict(self.config.features),
            "streams": self.streams,
            "pooling": self.config.model.pooling,
            **self.detection,
        }

    def tracked(self):
        """Returns no layers: the signatures look nothing up in a vocabulary."""
        return []

    def signatures(self):
        """Returns the signatures of a served model: a `tf.function` for each name."""
        more = {"stream": self.stream} if self.streams else {}
        return {**super().signatures(), "wav": self.wav, **more}
