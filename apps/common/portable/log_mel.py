"""Computes log-mel frames with NumPy.

`apps.speech_commands.features` computes the same inside a graph. The two differ by at
most 2e-5 in noise. Beside a loud tone, the quiet bands of both are rounding errors of
the tone: there power differs by at most 1e-5 of the geometric mean of the band's power
and the frame's energy, as the test defines it.

Frame t ends with sample (t + 1) * hop, so no frame needs later samples. The first
frames also read the silence, or the samples of the previous chunk, before the waveform.
"""

from functools import cached_property

import numpy as np

LOWEST_HZ, HIGHEST_HZ = 20.0, 7600.0
FLOOR = 1e-6  # added to the power: the logarithm of digital silence is finite


class LogMel:
    """Computes log-mel frames of waveforms.

    >>> front_end = LogMel(16000, window_ms=30.0, hop_ms=20.0, mel_bands=40)
    >>> front_end.window, front_end.hop, front_end.context
    (480, 320, 160)
    >>> front_end(np.zeros((2, 16000), "float32")).shape
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
        fft_length: Length of the Fourier transform in samples.
        highest_hz: Upper end of the highest band in Hz.
    """

    def __init__(self, sample_rate_hz, window_ms, hop_ms, mel_bands):
        self.sample_rate_hz, self.mel_bands = sample_rate_hz, mel_bands
        self.window = round(sample_rate_hz * window_ms / 1000)
        self.hop = round(sample_rate_hz * hop_ms / 1000)
        self.context = self.window - self.hop
        self.fft_length = 1 << (self.window - 1).bit_length()
        self.highest_hz = min(HIGHEST_HZ, sample_rate_hz / 2)

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
        waveform = np.asarray(waveform, "float32")
        batch, samples = waveform.shape
        if samples < self.hop:
            return np.zeros((batch, 0, self.mel_bands), "float32")
        if before is None:
            before = np.zeros((batch, self.context), "float32")
        known = np.concatenate([before, waveform], axis=1, dtype="float32")
        windows = np.lib.stride_tricks.sliding_window_view(known, self.window, axis=1)
        spectrum = np.fft.rfft(windows[:, :: self.hop] * self.hann, self.fft_length)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        return np.log(power @ self.mel + np.float32(FLOOR))

    @cached_property
    def hann(self):
        """The Hann window of `tf.signal.stft`, float32 `(window,)`.

        TensorFlow divides by the length of an even window, and by one sample less for
        an odd one.
        """
        if self.window == 1:
            return np.ones(1, "float32")
        angle = np.float32(2 * np.pi) * np.arange(self.window, dtype="float32")
        angle /= np.float32(self.window - self.window % 2)
        return np.float32(0.5) - np.float32(0.5) * np.cos(angle)

    @cached_property
    def mel(self):
        """The weight of each frequency in each band, `(fft_length // 2 + 1, bands)`.

        These are the triangles of `tf.signal.linear_to_mel_weight_matrix`, in float32:
        each band rises and falls linearly on HTK's mel scale. The constant component
        is in no band.
        """
        hertz = _linspace(0, self.sample_rate_hz / 2, self.fft_length // 2 + 1)
        edges = _linspace(_mel(LOWEST_HZ), _mel(self.highest_hz), self.mel_bands + 2)
        low, peak, high = edges[:-2], edges[1:-1], edges[2:]
        mel = _mel(hertz[1:, np.newaxis])
        rising, falling = (mel - low) / (peak - low), (high - mel) / (high - peak)
        return np.pad(np.maximum(0, np.minimum(rising, falling)), ((1, 0), (0, 0)))


def _mel(hertz):
    """Converts Hz to mel (Young et al., The HTK Book, 5.4)."""
    scaled = np.float32(1) + np.asarray(hertz, "float32") / np.float32(700)
    return np.float32(1127) * np.log(scaled)


def _linspace(first, last, count):
    """Returns `tf.linspace` in float32: NumPy's computes in double precision."""
    first, last = np.float32(first), np.float32(last)
    step = (last - first) / np.float32(count - 1)
    numbers = first + step * np.arange(count, dtype="float32")
    numbers[-1] = last
    return numbers


def fit_clip(waveform, samples):
    """Pads or cuts waveforms `(batch, any)` to `(batch, samples)`.

    A shorter waveform is padded with silence on both sides; a longer one is cut to its
    loudest part, of several to the first.
    """
    missing = samples - waveform.shape[1]
    if missing == 0:
        return waveform
    if missing > 0:
        ends = missing // 2, missing - missing // 2
        return np.pad(waveform, ((0, 0), ends))
    # In double precision, since the energy is summed over minutes of audio.
    energy = np.cumsum(np.square(waveform, dtype="float64"), axis=1)
    energy = np.pad(energy, ((0, 0), (1, 0)))
    start = np.argmax(energy[:, samples:] - energy[:, :-samples], axis=1)
    index = start[:, np.newaxis] + np.arange(samples)
    return np.take_along_axis(waveform, index, axis=1)
