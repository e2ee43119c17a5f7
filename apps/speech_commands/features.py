"""Computes log-mel spectrograms, by the same operations in training and serving.

Frame t ends with sample (t + 1) * hop, so no frame needs later samples. The first
frames also read the silence, or the samples of the previous chunk, before the waveform.
"""

import numpy as np
import tensorflow as tf

LOWEST_HZ, HIGHEST_HZ = 20.0, 7600.0
FLOOR = 1e-6  # added to the power: the logarithm of digital silence is finite


class LogMel:
    """Computes log-mel frames of waveforms.

    >>> front_end = LogMel(16000, window_ms=30.0, hop_ms=20.0, mel_bands=40)
    >>> front_end.window, front_end.hop, front_end.context
    (480, 320, 160)
    >>> tuple(front_end(tf.zeros([2, 16000])).shape)
    (2, 50, 40)

    Args:
        sample_rate_hz: Sample rate of the waveforms in Hz.
        window_ms: Length of a frame's window in milliseconds.
        hop_ms: Time from one frame to the next in milliseconds, at most `window_ms`.
        mel_bands: Number of mel bands.

    Attributes:
        window: Length of a window in samples.
        hop: Samples from one frame to the next.
        context: Number of samples before a chunk that its first frame needs.
    """

    def __init__(self, sample_rate_hz, window_ms, hop_ms, mel_bands):
        self.sample_rate_hz, self.mel_bands = sample_rate_hz, mel_bands
        self.window = round(sample_rate_hz * window_ms / 1000)
        self.hop = round(sample_rate_hz * hop_ms / 1000)
        self.context = self.window - self.hop
        self.fft_length = 1 << (self.window - 1).bit_length()

    def frames(self, milliseconds):
        """Returns the number of frames of a clip of that length."""
        return self.sample_rate_hz * milliseconds // 1000 // self.hop

    def __call__(self, waveform, before=None):
        """Returns log-mel frames.

        Args:
            waveform: Samples between -1 and 1, `(batch, samples)`.
            before: The previous `context` samples, `(batch, context)`; by default
                silence.

        Returns:
            float32 `(batch, samples // hop, bands)`.
        """
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
            min(HIGHEST_HZ, self.sample_rate_hz / 2),
        )
        return tf.math.log(tf.tensordot(power, mel, 1) + FLOOR)


def fit_clip(waveform, samples):
    """Pads or cuts waveforms `(batch, any)` to `(batch, samples)`.

    A shorter waveform is padded with silence on both sides; a longer one is cut to its
    loudest part.
    """
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
