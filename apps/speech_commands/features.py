"""Computes log-mel spectrograms, by the same operations in training and serving.

`apps.common.portable.log_mel` computes the same without TensorFlow.
"""

import numpy as np
import tensorflow as tf

from apps.common.portable import log_mel
from apps.common.portable.log_mel import FLOOR, LOWEST_HZ


class LogMel(log_mel.LogMel):
    """Computes log-mel frames of waveforms by TensorFlow operations.

    >>> front_end = LogMel(16000, window_ms=30.0, hop_ms=20.0, mel_bands=40)
    >>> tuple(front_end(tf.zeros([2, 16000])).shape)
    (2, 50, 40)
    """

    def __call__(self, waveform, before=None):
        """Returns log-mel frames, as the method of `log_mel.LogMel`."""
        waveform = tf.convert_to_tensor(waveform)
        if before is None:
            before = tf.zeros([tf.shape(waveform)[0], self.context])
        spectrum = tf.signal.stft(
            tf.concat([before, waveform], axis=1),
            self.window,
            self.hop,
            self.fft_length,
        )
        # (batch, frames, fft_length // 2 + 1); faster than the square of tf.abs
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
        mel = tf.signal.linear_to_mel_weight_matrix(
            self.mel_bands,
            self.fft_length // 2 + 1,
            self.sample_rate_hz,
            LOWEST_HZ,
            self.highest_hz,
        )
        return tf.math.log(tf.tensordot(power, mel, 1) + FLOOR)


def fit_clip(waveform, samples):
    """Pads or cuts waveforms `(batch, any)`, as `log_mel.fit_clip`."""
    length = tf.shape(waveform)[1]
    missing = tf.maximum(samples - length, 0)
    waveform = tf.pad(waveform, [[0, 0], [missing // 2, missing - missing // 2]])
    # In double precision, since the energy is summed over minutes of audio.
    energy = tf.cumsum(tf.square(tf.cast(waveform, "float64")), axis=1)
    energy = tf.pad(energy, [[0, 0], [1, 0]])
    start = tf.argmax(energy[:, samples:] - energy[:, :-samples], axis=1)
    index = start[:, tf.newaxis] + tf.range(samples, dtype="int64")
    waveform = tf.gather(waveform, index, batch_dims=1)
    return tf.ensure_shape(waveform, [None, samples])


def blank(features, kept_frames, kept_bands):
    """Replaces masked frames and bands by the clip's mean (SpecAugment).

    Args:
        features: Log-mel frames, `(batch, frames, bands)`.
        kept_frames: False for a masked frame, `(batch, frames)`.
        kept_bands: False for a masked band, `(batch, bands)`.
    """
    kept = kept_frames[:, :, tf.newaxis] & kept_bands[:, tf.newaxis, :]
    mean = tf.reduce_mean(features, axis=[1, 2], keepdims=True)
    return tf.where(kept, features, mean)


def blank_stretches(kept, count, widest, rng):
    """Sets `count` random stretches of each row to False, at most `widest` wide."""
    places = np.arange(kept.shape[1])
    for _ in range(count):
        width = rng.integers(min(widest, len(places)) + 1, size=(len(kept), 1))
        start = rng.integers(kept.shape[1] - width + 1)
        kept &= (places < start) | (places >= start + width)
