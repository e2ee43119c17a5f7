"""Listens to sound that arrives in chunks: posteriors for each frame, words when heard.

Front end and LSTMs carry on from chunk to chunk, so that chunks of any size give what
the whole sound gives.
"""

import numpy as np
import tensorflow as tf

from apps.common.portable.audio import check
from apps.common.portable.detector import (
    PAUSE_MS,
    SMOOTHING_MS,
    THRESHOLD,
    Listener,
)
from apps.speech_commands.model import streams

LARGEST_LOGIT = 40.0  # so that its exponential is finite
MOST_FRAMES = 500  # at once: a minute of sound is worked off piece by piece


def build_stream(model, front_end, config, labels):
    """Returns the function that a served model runs on a chunk of sound.

    It takes `samples` `(batch, k * hop)` and a carry of fixed size: `audio` `(batch,
    context)`, the samples before them; with the pooling "max" `scores` `(batch, frames
    of a clip - 1, labels)`, the exponentials of their logits; and `h_1`, `c_1`, ...
    `(batch, units)`. It returns `posteriors` `(batch, k, labels)`, at each frame those
    of a clip that ends there, and the carry for the next chunk under the same names.
    The first chunk's carry is zeros. So that a client need know nothing else, it also
    returns `labels`, strings `(batch, labels)`, `sample_rate_hz` and `hop`, int32
    `(batch,)`; a chunk of no samples asks for these alone.

    Args:
        model: What `build_model` returns.
        front_end: Its `LogMel`.
        config: Its `Config`.
        labels: Names of the labels.

    Raises:
        ValueError: If the model needs whole clips.
    """
    if not streams(model):
        raise ValueError(
            "This model needs the whole clip, so it cannot listen to a stream. Train "
            "one with model.direction=forward."
        )
    pooled = config.model.pooling == "max"
    frames = front_end.frames(config.data.clip_ms)
    classes = model.output[0].shape[-1]
    carry = {
        "audio": [None, front_end.context],
        **({"scores": [None, frames - 1, classes]} if pooled else {}),
        **{state.name: [None, state.shape[1]] for state in model.inputs[1:]},
    }
    specs = [
        tf.TensorSpec(shape, "float32", name=name)
        for name, shape in {"samples": [None, None], **carry}.items()
    ]

    def hear(samples, audio, *carried):
        features = front_end(samples, audio)
        before, state = (carried[0], carried[1:]) if pooled else (None, carried)
        logits, *state = model([features, *state], training=False)
        heard = tf.concat([audio, samples], axis=1)
        carried = [heard[:, tf.shape(samples)[1] :]]
        logits = tf.clip_by_value(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
        scores = tf.exp(tf.cast(logits, "float32"))
        if pooled:
            known = tf.concat([before, scores], axis=1)
            carried.append(known[:, tf.shape(scores)[1] :])
            scores = tf.nn.max_pool1d(known, frames, 1, "VALID")
        posteriors = scores / tf.reduce_sum(scores, axis=-1, keepdims=True)
        return posteriors, *carried, *state

    @tf.function(autograph=False, input_signature=specs)
    def listen(samples, audio, *carried):
        batch = tf.shape(samples)[0]
        tf.debugging.assert_equal(
            tf.shape(samples)[1] % front_end.hop,
            0,
            f"samples: expected a multiple of {front_end.hop} samples.",
        )
        samples = tf.debugging.check_numerics(samples, "samples")
        posteriors, *carried = tf.cond(
            tf.shape(samples)[1] > 0,
            lambda: hear(samples, audio, *carried),
            lambda: (tf.zeros([batch, 0, classes]), audio, *carried),
        )
        return {
            "posteriors": posteriors,
            **dict(zip(carry, carried, strict=True)),
            "labels": tf.tile(tf.constant([labels]), [batch, 1]),
            "sample_rate_hz": tf.fill([batch], front_end.sample_rate_hz),
            "hop": tf.fill([batch], front_end.hop),
        }

    return listen


class Stream:
    """A stream of sound, and what is heard in it.

    Args:
        listen: What `build_stream` returns; many streams may share it.
        front_end: The model's `LogMel`.
        labels: Names of the labels; those that begin with "_" are no words.
        threshold: As in `Listener`.
        smoothing_ms: As in `Listener`.
        pause_ms: As in `Listener`.
    """

    def __init__(
        self,
        listen,
        front_end,
        labels,
        threshold=THRESHOLD,
        smoothing_ms=SMOOTHING_MS,
        pause_ms=PAUSE_MS,
    ):
        self.hop = front_end.hop
        frame_s = front_end.hop / front_end.sample_rate_hz
        self._listen = listen
        self._carry = {
            spec.name: tf.zeros([1, *spec.shape[1:]])
            for spec in listen.input_signature[1:]
        }
        self._rest = np.zeros(0, "float32")
        self.listener = Listener(labels, frame_s, threshold, smoothing_ms, pause_ms)

    def feed(self, samples):
        """Takes the next samples.

        Args:
            samples: float32 between -1 and 1, `(any number,)`.

        Returns:
            Smoothed posteriors `(frames, labels)` of the frames that are complete, and
            a list of `Detection`.

        Raises:
            ValueError: If a sample is NaN or infinite.
        """
        sound = np.concatenate([self._rest, check(np.asarray(samples), "samples")])
        whole = len(sound) // self.hop * self.hop
        self._rest = sound[whole:].astype("float32")
        posteriors = [np.zeros((0, len(self.listener.labels)), "float32")]
        for start in range(0, whole, MOST_FRAMES * self.hop):
            piece = sound[start : min(start + MOST_FRAMES * self.hop, whole)]
            piece = tf.constant(piece[np.newaxis], "float32")
            answer = self._listen(piece, *self._carry.values())
            posteriors.append(answer["posteriors"][0].numpy())
            self._carry = {name: answer[name] for name in self._carry}
        return self.listener.feed(np.concatenate(posteriors))
