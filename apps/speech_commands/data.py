"""Labelled clips, from their source to batches of log-mel frames."""

import itertools
import sys
import tempfile
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf

from apps.common.data.batches import WHOLE, filled
from apps.common.portable.audio import as_float, as_int16, faster, placed
from apps.speech_commands.features import blank, blank_stretches, fit_clip
from apps.speech_commands.noise import add_noise, noise_bank, noise_places
from apps.speech_commands.sources import DATASETS, NOISE_SECONDS, SPLITS

NOISES, NO_LABEL = 24, -1


@dataclass(frozen=True)
class Clips:
    """Clips of one length and what is said in them.

    Attributes:
        waves: int16 `(clips, samples)`.
        labels: Label ids, int32 `(clips,)`.
        names: What to call each clip.
        snr_db: Signal-to-noise ratio at which noise is added when the model is
            measured, `(clips,)`; infinity adds none.
        noise: Noises of this split, float32 `(noises, samples)`.
    """

    waves: np.ndarray
    labels: np.ndarray
    names: list
    snr_db: np.ndarray
    noise: np.ndarray


@dataclass(frozen=True)
class Data:
    """What `load_data` returns; a split that was not asked for is None."""

    train: Clips | None
    validation: Clips | None
    test: Clips | None
    labels: list


def load_data(config, splits=SPLITS, labels=None):
    """Reads splits of a data set.

    Args:
        config: A `DataConfig`.
        splits: Names of the splits to read; the others are not looked at.
        labels: Names of the labels in the order of their ids; by default those of the
            training split, sorted.

    Returns:
        `Data`.

    Raises:
        ValueError: If the data cannot be read, or does not make a classification.
    """
    clips, names_of_labels = {}, {}
    for split in splits:
        rows = DATASETS[config.dataset](config, split)
        clips[split], names_of_labels[split] = _clips(rows, split, config)
    if labels is None:
        labels = sorted(set(names_of_labels["train"]))
        if len(labels) < 2:
            raise ValueError(
                "Expected at least two words in the training clips. "
                f"Received one only: {labels[0]!r}."
            )
    ids = {label: index for index, label in enumerate(labels)}
    for split, names in names_of_labels.items():
        unknown = sorted(set(names) - set(ids))
        if unknown:
            raise ValueError(
                f"The word {unknown[0]!r} is not among those of the training clips: "
                f"{', '.join(labels)}."
            )
        label_ids = np.array([ids[name] for name in names], "int32")
        clips[split] = replace(clips[split], labels=label_ids)
    return Data(**{split: clips.get(split) for split in SPLITS}, labels=labels)


def _clips(rows, split, config):
    """Returns `Clips`, not labelled yet, and the name of each label.

    Clips are read one by one into a file that lies in memory as far as it fits; it has
    no name and is gone with the process.
    """
    samples = config.sample_rate_hz * config.clip_ms // 1000
    fit = tf.function(
        lambda wave: fit_clip(wave[tf.newaxis], samples)[0],
        autograph=False,
        input_signature=[tf.TensorSpec([None], "float32")],
    )
    bar = keras.utils.Progbar(
        rows.count, unit_name="clip", verbose=int(sys.stdout.isatty())
    )
    names, labels = [], []
    with tempfile.TemporaryFile() as file:
        for name, label, wave in rows.clips:
            file.write(as_int16(fit(wave).numpy()).tobytes())
            names.append(name)
            labels.append(label)
            bar.add(1)
        if not names:
            raise ValueError(
                f"The data set {config.dataset} has no {split} clips. Without "
                "validation_list.txt and testing_list.txt a tenth of the speakers is "
                "validation and a tenth is test, a speaker being a file's name up to "
                "its first underscore: give the lists, or clips of more speakers."
            )
        file.flush()
        waves = np.memmap(file, "int16", "r", shape=(len(names), samples))
    noise, snr_db = rows.noise, rows.snr_db
    if noise is None:
        length = max(NOISE_SECONDS * config.sample_rate_hz, samples)
        noise = noise_bank(SPLITS.index(split), NOISES, length)
    if snr_db is None:
        snr_db = np.full(len(names), np.inf)
    return Clips(waves, np.zeros(0), names, np.asarray(snr_db), noise), labels


class Batches:
    """Batches of log-mel frames and one-hot labels.

    Of `clips_in_a_row` r a row of a batch holds r clips, one after the other: frames
    `(batch, r * frames, bands)` and labels `(batch, r, labels)`; without it the labels
    are `(batch, labels)`.

    Args:
        clips: `Clips`.
        num_classes: Number of labels.
        front_end: `LogMel`.
        batch_size: Clips a batch, rounded down to whole rows.
        clips_in_a_row: Clips of a row, or None.
        augmentation: An `AugmentationConfig`, for `shuffled`.
    """

    def __init__(
        self,
        clips,
        num_classes,
        front_end,
        batch_size,
        clips_in_a_row=None,
        augmentation=None,
    ):
        self.clips, self.front_end, self.augmentation = clips, front_end, augmentation
        self.num_classes, self.in_a_row = num_classes, clips_in_a_row
        row = clips_in_a_row or 1
        self.batch_size = max(1, batch_size // row) * row
        self.steps = -(-len(clips.labels) // self.batch_size)
        self.frames = clips.waves.shape[1] // front_end.hop

    def in_order(self, shard=WHOLE):
        """Returns every clip once, each with its own noise, as it is measured.

        Where replicas cannot share a batch evenly, rows without a label fill it up.
        """
        clips = self.clips

        def batches():
            for start in range(0, len(clips.labels), self.batch_size):
                size = len(clips.labels[start : start + self.batch_size])
                rows = shard.rows(size)
                for own in shard.cuts(size):
                    cut = slice(start + own.start, start + own.stop)
                    waves = measured(clips, cut, clips.snr_db[cut])
                    yield (
                        filled(waves, rows),
                        *self._all_kept(rows),
                        filled(clips.labels[cut], rows, NO_LABEL),
                    )

        return self._dataset(batches)

    def shuffled(self, seed, epoch=0, shard=WHOLE):
        """Returns augmented batches from an epoch on, endlessly.

        Order and augmentation are a function of seed, epoch and batch. The last batch
        of an epoch is filled up with clips from its beginning.

        Args:
            seed: A number.
            epoch: Number of the first epoch.
            shard: The `Shard` of each batch to return.
        """
        shard.check(self.batch_size, self.in_a_row or 1)

        def batches():
            for number in itertools.count(epoch):
                order = np.random.default_rng([seed, number]).permutation(
                    len(self.clips.labels)
                )
                order = np.resize(order, (self.steps, self.batch_size))
                for step, index in enumerate(order):
                    rng = np.random.default_rng([seed, number, step])
                    drawn = self._drawn(len(index), self.augmentation, rng)
                    for own in shard.cuts(len(index)):
                        yield self._augmented(
                            index[own], *(values[own] for values in drawn)
                        )

        return self._dataset(batches)

    def _all_kept(self, count):
        bands = self.front_end.mel_bands
        return np.ones((count, self.frames), bool), np.ones((count, bands), bool)

    def _drawn(self, count, settings, rng):
        """Returns what is drawn for the clips of a batch.

        Their speed, shift in samples, gain, signal-to-noise ratio, noise and its place,
        and what SpecAugment keeps, a row a clip.
        """
        clips, rate = self.clips, self.front_end.sample_rate_hz
        samples = clips.waves.shape[1]
        speeds = np.ones(count)
        if settings.speed:
            speeds = rng.uniform(1 - settings.speed, 1 + settings.speed, count)
        shift = min(round(settings.shift_ms * rate / 1000), samples)
        shifts = rng.integers(-shift, shift + 1, size=count)
        gain_db = rng.uniform(-settings.gain_db, settings.gain_db, (count, 1))
        snr_db = rng.uniform(settings.lowest_snr_db, settings.highest_snr_db, count)
        snr_db[rng.random(count) >= settings.noise_share] = np.inf
        places = noise_places(rng, count, clips.noise, samples)
        kept_frames, kept_bands = self._all_kept(count)
        widest = round(settings.time_mask_ms * rate / 1000 / self.front_end.hop)
        blank_stretches(kept_frames, settings.time_masks, widest, rng)
        widest = settings.frequency_mask_bands
        blank_stretches(kept_bands, settings.frequency_masks, widest, rng)
        return speeds, shifts, gain_db, snr_db, *places, kept_frames, kept_bands

    def _augmented(self, index, speeds, shifts, gain_db, snr_db, noise, begin, *kept):
        """Returns waves, what SpecAugment keeps, and labels."""
        waves = as_float(self.clips.waves[index])
        changed = np.stack(
            [
                placed(faster(wave, speed), shift, waves.shape[1])
                for wave, speed, shift in zip(waves, speeds, shifts, strict=True)
            ]
        )
        changed *= (10 ** (gain_db / 20)).astype("float32")
        changed = add_noise(changed, self.clips.noise, snr_db, (noise, begin))
        return changed, *kept, self.clips.labels[index]

    def _dataset(self, batches):
        samples = self.clips.waves.shape[1]
        frames, bands = self.frames, self.front_end.mel_bands
        row = self.in_a_row or 1

        def features(waves, kept_frames, kept_bands, labels):
            x = blank(self.front_end(waves), kept_frames, kept_bands)
            x = tf.reshape(x, [-1, row * frames, bands])
            shape = (
                [-1, self.num_classes]
                if self.in_a_row is None
                else [-1, row, self.num_classes]
            )
            return x, tf.reshape(tf.one_hot(labels, self.num_classes), shape)

        signature = (
            tf.TensorSpec([None, samples], "float32"),
            tf.TensorSpec([None, frames], "bool"),
            tf.TensorSpec([None, bands], "bool"),
            tf.TensorSpec([None], "int32"),
        )
        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        features = tf.autograph.experimental.do_not_convert(features)
        return dataset.map(features).prefetch(4)


def measured(clips, cut, snr_db):
    """Returns waves of a cut of clips with noise, the same each time, float32.

    Args:
        clips: `Clips`.
        cut: A slice.
        snr_db: Signal-to-noise ratio of each, infinity for no noise.
    """
    count, samples = clips.waves.shape
    places = noise_places(np.random.default_rng(0), count, clips.noise, samples)
    places = [drawn[cut] for drawn in places]  # a clip's own, whatever the cut
    return add_noise(as_float(clips.waves[cut]), clips.noise, snr_db, places)
