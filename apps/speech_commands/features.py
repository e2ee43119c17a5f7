"""From a waveform to a log-mel spectrogram: the same operations in training and export.

Frame t ends with sample (t + 1) * hop, so that no frame waits for samples to come: the
first ones look back into silence, or into the samples of the chunk before.
"""

import numpy as np
import tensorflow as tf

LOWEST_HZ, HIGHEST_HZ = 20.0, 7600.0
FLOOR = 1e-6  # added to the power before the logarithm: digital silence is finite


class LogMel:
    """A front end: waveforms to log-mel frames.

    >>> front_end = LogMel(16000, window_ms=30.0, hop_ms=20.0, mel_bands=40)
    >>> front_end.window, front_end.hop, front_end.context
    (480, 320, 160)
    >>> tuple(front_end(tf.zeros([2, 16000])).shape)
    (2, 50, 40)

    Args:
        sample_rate_hz: Samples a second.
        window_ms: Length of a frame's window.
        hop_ms: Time from one frame to the next, at most `window_ms`.
        mel_bands: Number of bands of the mel scale.

    Attributes:
        window: Samples of a window.
        hop: Samples from one frame to the next.
        context: Samples before a chunk that its first frame needs.

    Raises:
        ValueError: If the hop is longer than the window or shorter than a sample.
    """

    def __init__(self, sample_rate_hz, window_ms, hop_ms, mel_bands):
        self.sample_rate_hz, self.mel_bands = sample_rate_hz, mel_bands
        self.window = round(sample_rate_hz * window_ms / 1000)
        self.hop = round(sample_rate_hz * hop_ms / 1000)
        if not 1 <= self.hop <= self.window:
            raise ValueError(
                "features.hop_ms: expected at least a sample and at most "
                f"features.window_ms={window_ms:g}. Received: {hop_ms:g}."
            )
        self.context = self.window - self.hop
        self.fft_length = 1 << (self.window - 1).bit_length()

    def frames(self, milliseconds):
        """Returns the number of frames of a clip."""
        return self.sample_rate_hz * milliseconds // 1000 // self.hop

    def __call__(self, waveform, before=None):
        """Returns log-mel frames.

        Args:
            waveform: Samples between -1 and 1, `(batch, samples)`.
            before: The `context` samples before them, `(batch, context)`; silence by
                default.

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
    """Brings waveforms `(batch, any)` to a length: `(batch, samples)`.

    A shorter one is padded with silence on both sides; of a longer one the loudest
    stretch is kept.
    """
    length = tf.shape(waveform)[1]
    missing = tf.maximum(samples - length, 0)
    waveform = tf.pad(waveform, [[0, 0], [missing // 2, missing - missing // 2]])
    # In double precision: the energy of minutes of sound is summed up.
    energy = tf.cumsum(tf.square(tf.cast(waveform, "float64")), axis=1)
    energy = tf.pad(energy, [[0, 0], [1, 0]])
    start = tf.argmax(energy[:, samples:] - energy[:, :-samples], axis=1)
    index = start[:, tf.newaxis] + tf.range(samples, dtype="int64")
    waveform = tf.gather(waveform, index, batch_dims=1)
    return tf.ensure_shape(waveform, [None, samples])


def blank(features, kept_frames, kept_bands):
    """Blanks stretches of time and of frequency with the clip's mean (SpecAugment).

    Args:
        features: `(batch, frames, bands)`.
        kept_frames: bool `(batch, frames)`.
        kept_bands: bool `(batch, bands)`.
    """
    kept = kept_frames[:, :, tf.newaxis] & kept_bands[:, tf.newaxis, :]
    mean = tf.reduce_mean(features, axis=[1, 2], keepdims=True)
    return tf.where(kept, features, mean)


def blank_stretches(kept, count, widest, rng):
    """Sets `count` stretches of each row to False, each at most `widest` wide."""
    places = np.arange(kept.shape[1])
    for _ in range(count):
        width = rng.integers(min(widest, len(places)) + 1, size=(len(kept), 1))
        start = rng.integers(kept.shape[1] - width + 1)
        kept &= (places < start) | (places >= start + width)
