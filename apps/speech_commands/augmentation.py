"""Draws the augmentation of training clips, and applies it to a batch at once."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from apps.speech_commands.features import blank_stretches
from apps.speech_commands.noise import add_noise, noise_places
from lstm_layer.xla import compiled


class Drawn(NamedTuple):
    """The augmentation of each clip of a batch.

    Attributes:
        speed: Factor of the speed, float32 `(clips,)`.
        shift: Shift in samples, int32 `(clips,)`.
        gain: Factor of the samples, float32 `(clips,)`.
        snr_db: Signal-to-noise ratio in dB, float32 `(clips,)`; infinity adds no noise.
        noise: Number of the noise, int32 `(clips,)`.
        begin: First sample of the noise, int32 `(clips,)`.
        kept_frames: SpecAugment's mask, False for a masked frame, `(clips, frames)`.
        kept_bands: SpecAugment's mask, False for a masked band, `(clips, bands)`.
    """

    speed: np.ndarray
    shift: np.ndarray
    gain: np.ndarray
    snr_db: np.ndarray
    noise: np.ndarray
    begin: np.ndarray
    kept_frames: np.ndarray
    kept_bands: np.ndarray

    @staticmethod
    def signature(frames, bands):
        """Returns the `tf.TensorSpec` of each array of a batch of any size."""
        vectors = ("float32", "int32", "float32", "float32", "int32", "int32")
        return Drawn(
            *(tf.TensorSpec([None], dtype) for dtype in vectors),
            *(tf.TensorSpec([None, size], "bool") for size in (frames, bands)),
        )

    def rows(self, part):
        """Returns the rows of a slice."""
        return Drawn(*(array[part] for array in self))


def draw(rng, count, settings, noise, samples, front_end):
    """Returns the `Drawn` of a batch.

    Args:
        rng: A NumPy generator.
        count: Number of clips.
        settings: An `AugmentationConfig`.
        noise: The noises, `(noises, samples)`.
        samples: Samples of a clip.
        front_end: `LogMel`.
    """
    rate = front_end.sample_rate_hz
    speed = np.ones(count)
    if settings.speed:
        speed = rng.uniform(1 - settings.speed, 1 + settings.speed, count)
    most = min(round(settings.shift_ms * rate / 1000), samples)
    shift = rng.integers(-most, most + 1, size=count)
    gain_db = rng.uniform(-settings.gain_db, settings.gain_db, count)
    snr_db = rng.uniform(settings.lowest_snr_db, settings.highest_snr_db, count)
    snr_db[rng.random(count) >= settings.noise_share] = np.inf
    places = noise_places(rng, count, noise, samples)
    drawn = _drawn(
        speed, shift, 10 ** (gain_db / 20), snr_db, places, front_end, samples
    )
    widest = round(settings.time_mask_ms * rate / 1000 / front_end.hop)
    blank_stretches(drawn.kept_frames, settings.time_masks, widest, rng)
    widest = settings.frequency_mask_bands
    blank_stretches(drawn.kept_bands, settings.frequency_masks, widest, rng)
    return drawn


def only_noise(snr_db, places, samples, front_end):
    """Returns the `Drawn` that adds noise and changes nothing else."""
    ones = np.ones(len(snr_db))
    return _drawn(ones, 0 * ones, ones, snr_db, places, front_end, samples)


def _drawn(speed, shift, gain, snr_db, places, front_end, samples):
    shapes = samples // front_end.hop, front_end.mel_bands
    return Drawn(
        speed.astype("float32"),
        shift.astype("int32"),
        gain.astype("float32"),
        np.asarray(snr_db, "float32"),
        *(place.astype("int32") for place in places),
        *(np.ones((len(speed), size), bool) for size in shapes),
    )


def augmented(waves, noise, drawn):
    """Returns waveforms with another speed, place, level and noise.

    Args:
        waves: int16 `(clips, samples)`.
        noise: The noises, float32 `(noises, samples)`.
        drawn: A `Drawn`.

    Returns:
        float32 `(clips, samples)`, and the factor of the noise in each, `(clips,)`.
    """
    gain = drawn.gain / np.float32(32767)
    changed = faster(waves, drawn.speed, drawn.shift, gain)
    return add_noise(changed, noise, drawn.snr_db, (drawn.noise, drawn.begin))


@compiled
def faster(waves, speed, shift, gain):
    """Returns clips `speed` times as fast and as high, by linear interpolation.

    The middle of a clip stays and is then moved. What leaves the clip is lost, and
    silence takes the place of what is missing.

    Args:
        waves: int16 `(clips, samples)`.
        speed: Factor of each clip's speed, float32 `(clips,)`.
        shift: Shift of each clip in samples, int32 `(clips,)`.
        gain: Factor of each clip's samples, float32 `(clips,)`.

    Returns:
        float32 `(clips, samples)`.
    """
    samples = tf.shape(waves)[1]
    middle = tf.cast(samples - 1, "float32") / 2
    places = tf.cast(tf.range(samples) - shift[:, tf.newaxis], "float32")
    places = (places - middle) * speed[:, tf.newaxis] + middle
    before = tf.floor(places)
    index = tf.clip_by_value(tf.cast(before, "int32"), -2, samples)
    silence = tf.pad(tf.cast(waves, "float32"), [[0, 0], [2, 2]])
    left = tf.gather(silence, index + 2, batch_dims=1)
    right = tf.gather(silence, index + 3, batch_dims=1)
    changed = left + (places - before) * (right - left)
    return changed * gain[:, tf.newaxis]
