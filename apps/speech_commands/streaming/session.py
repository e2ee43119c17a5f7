"""Detects words in audio that arrives in chunks; needs no TensorFlow of its own."""

import numpy as np

from apps.common.portable.detector import (
    PAUSE_MS,
    SMOOTHING_MS,
    THRESHOLD,
    Listener,
)
from apps.common.portable.samples import as_samples

MOST_FRAMES = 500  # per call; longer audio is processed in pieces


class Stream:
    """Detects words in one audio stream.

    Args:
        listen: Function of `build_stream`, which several streams may share, or another
            that takes and returns arrays of the same names.
        front_end: The model's `LogMel`.
        labels: Names of the labels; those that begin with "_" are not detected.
        threshold: Smoothed posterior at which a word is detected, 0 to 1.
        smoothing_ms: Length in milliseconds over which posteriors are averaged.
        pause_ms: Time in milliseconds after a detection without another one.
        carry: Shapes without the batch of what `listen` takes after the samples, by
            name; by default those of its input signature.
    """

    def __init__(
        self,
        listen,
        front_end,
        labels,
        threshold=THRESHOLD,
        smoothing_ms=SMOOTHING_MS,
        pause_ms=PAUSE_MS,
        carry=None,
    ):
        self.hop, self.sample_rate_hz = front_end.hop, front_end.sample_rate_hz
        frame_s = self.hop / self.sample_rate_hz
        self._listen = listen
        if carry is None:
            carry = {spec.name: spec.shape[1:] for spec in listen.input_signature[1:]}
        self._carry = {
            name: np.zeros((1, *shape), "float32") for name, shape in carry.items()
        }
        self._rest = np.zeros(0, "float32")
        self.listener = Listener(labels, frame_s, threshold, smoothing_ms, pause_ms)

    def feed(self, samples):
        """Processes the next samples.

        Args:
            samples: `(any number,)`, floats between -1 and 1, or integers, which are
                scaled.

        Returns:
            Smoothed posteriors of the complete frames, `(frames, labels)`, and a list
            of `Detection`.

        Raises:
            ValueError: If a sample is NaN, infinite or far beyond -1 to 1.
        """
        audio = np.concatenate([self._rest, as_samples(samples, "samples")])
        whole = len(audio) // self.hop * self.hop
        self._rest = audio[whole:].astype("float32")
        posteriors = [np.zeros((0, len(self.listener.labels)), "float32")]
        for start in range(0, whole, MOST_FRAMES * self.hop):
            piece = audio[start : min(start + MOST_FRAMES * self.hop, whole)]
            piece = piece[np.newaxis].astype("float32")
            outputs = self._listen(piece, *self._carry.values())
            posteriors.append(np.asarray(outputs["posteriors"][0]))
            self._carry = {name: outputs[name] for name in self._carry}
        return self.listener.feed(np.concatenate(posteriors))
