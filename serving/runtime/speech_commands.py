"""Recognizes words in raw sound with an ONNX export."""

import numpy as np

from apps.common.portable.detector import DETECTION
from apps.common.portable.log_mel import LogMel, fit_clip
from apps.common.portable.run_files import LABELS
from apps.common.portable.stream import ChunkModel
from apps.common.portable.wav import decode_wav
from serving.runtime import app
from serving.specs import Spec

GEOMETRY = ("window_ms", "hop_ms", "mel_bands")
WAVEFORM = {"waveform": Spec("float32", (None, None))}


class SpeechCommands(app.Runtime):
    """The signatures `serving_default`, `gates`, `wav` and perhaps `stream`."""

    graphs_needed = ("speech_commands",)
    files_needed = (LABELS,)
    settings_needed = (
        *("sample_rate_hz", "clip_ms", *GEOMETRY, "streams", "pooling"),
        *DETECTION,
    )

    def __init__(self, description, graphs):
        super().__init__(description, graphs)
        self._graph, settings = graphs["speech_commands"], self.settings
        self.check_labels(self._graph)
        self._names = app.texts(self.labels)
        rate = settings["sample_rate_hz"]
        geometry = (settings[name] for name in GEOMETRY)
        self._front_end = LogMel(rate, *geometry)
        self._frames = self._front_end.frames(settings["clip_ms"])
        self._samples = rate * settings["clip_ms"] // 1000
        self._states = app.states_of(self._graph)

    def functions(self):
        """Returns `(inputs, outputs, method)` of each signature by name."""
        probabilities = Spec("float32", (None, len(self.labels)))
        answer = {"label": app.column(), "probabilities": probabilities}
        gates = app.gate_specs(app.layers_of(self._graph), self._frames)
        functions = {
            "serving_default": (WAVEFORM, answer, self.answer),
            "gates": (WAVEFORM, gates, self.gates),
            "wav": ({"wav_bytes": app.column()}, answer, self.wav),
        }
        if self.settings["streams"]:
            functions["stream"] = self._stream()
        return functions

    def _stream(self):
        frames = self._frames if self.settings["pooling"] == "max" else 0
        detection = {name: self.settings[name] for name in DETECTION}
        parts = self._front_end, self._states, frames, self._names, detection
        stream = ChunkModel(self._run_frames, *parts)
        carry = {
            name: Spec("float32", (None, *shape))
            for name, shape in stream.carry.items()
        }
        classes = len(self.labels)
        outputs = {
            "posteriors": Spec("float32", (None, None, classes)),
            "labels": Spec("string", (None, classes)),
            "sample_rate_hz": app.column("int32"),
            "hop": app.column("int32"),
            **dict.fromkeys(DETECTION, app.column("float32")),
        }
        inputs = {"samples": Spec("float32", (None, None)), **carry}
        return inputs, {**outputs, **carry}, stream

    def answer(self, waveform):
        """Returns `label` and `probabilities` of each waveform."""
        logits = self._run(waveform)["logits"]
        return {
            "label": self._names[logits.argmax(axis=-1)],
            "probabilities": app.softmax(logits),
        }

    def wav(self, wav_bytes):
        """Returns `label` and `probabilities` of the content of each WAV file."""
        rate = self.settings["sample_rate_hz"]
        waves = [decode_wav(file, rate)[np.newaxis] for file in wav_bytes]
        return self.answer(
            np.concatenate([fit_clip(wave, self._samples) for wave in waves])
        )

    def gates(self, waveform):
        """Returns times, gates and states of each LSTM."""
        outputs = self._run(waveform, app.YES)
        ends = (1 + np.arange(self._frames)) * self.settings["hop_ms"]
        labels = app.texts([f"{end:.0f} ms" for end in ends])
        labels = np.tile(labels, (len(waveform), 1))
        return app.gate_outputs(app.recorded_in(outputs), labels)

    def _run(self, waveform, record=app.NO):
        state = {
            name: np.zeros((len(waveform), units), "float32")
            for name, units in self._states.items()
        }
        features = self._front_end(fit_clip(waveform, self._samples))
        return self._graph.run({"features": features, "record": record, **state})

    def _run_frames(self, features, states):
        state = dict(zip(self._states, states, strict=True))
        outputs = self._graph.run({"features": features, "record": app.NO, **state})
        return outputs["frame_logits"], [outputs[f"next_{n}"] for n in self._states]
