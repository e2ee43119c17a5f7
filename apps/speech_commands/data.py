"""Loads labelled clips, augments them and batches their log-mel frames."""

import itertools
import tempfile
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from apps.common.data.batches import WHOLE, filled
from apps.common.portable.audio import as_float, as_int16
from apps.common.portable.log_mel import fit_clip
from apps.common.portable.progress import Progress
from apps.speech_commands.augmentation import Drawn, augmented, draw, only_noise
from apps.speech_commands.coloured_noise import noise_bank
from apps.speech_commands.features import blank
from apps.speech_commands.noise import add_noise, noise_places, stretches
from apps.speech_commands.sources import DATASETS, NOISE_SECONDS, SPLITS
from apps.speech_commands.synthesis.spoken_labels import with_spoken_labels

NOISES, NO_LABEL = 24, -1


@dataclass(frozen=True)
class Clips:
    """The clips of a split, all of one length, with their labels and noise.

    Attributes:
        waves: Waveforms, int16 `(clips, samples)`.
        labels: Label ids, int32 `(clips,)`.
        names: Name of each clip.
        snr_db: Signal-to-noise ratio in dB at which evaluation adds noise, `(clips,)`;
            infinity adds none.
        noise: Noises of this split, float32 `(noises, samples)`.
    """

    waves: np.ndarray
    labels: np.ndarray
    names: list
    snr_db: np.ndarray
    noise: np.ndarray


@dataclass(frozen=True)
class Data:
    """The splits and labels of a data set; a split not read is None."""

    train: Clips | None
    validation: Clips | None
    test: Clips | None
    labels: list


def load_data(config, splits=SPLITS, labels=None, max_clips=None):
    """Reads splits of a data set.

    Args:
        config: A `DataConfig`.
        splits: Names of the splits to read.
        labels: Names of the labels in the order of their ids; by default those of the
            training split, sorted.
        max_clips: Maximum number of clips of a split; see `Rows.at_most`. With it the
            training split has no synthetic clips.

    Returns:
        `Data`.

    Raises:
        ValueError: If the data cannot be read, a split is empty, or there are fewer
            than two labels.
    """
    clips, names_of_labels = {}, {}
    for split in splits:
        rows = DATASETS[config.dataset](config, split).at_most(max_clips)
        if split == "train" and config.synthetic_clips and not max_clips:
            rows = with_spoken_labels(
                rows, config.synthetic_clips, config.sample_rate_hz
            )
        clips[split], names_of_labels[split] = _clips(rows, split, config)
    if labels is None:
        labels = sorted(set(names_of_labels["train"]))
        if len(labels) < 2:
            raise ValueError(
                f"data.dataset={config.dataset}: expected at least two labels in the "
                f"training split. Received only {labels[0]!r}."
            )
    ids = {label: index for index, label in enumerate(labels)}
    for split, names in names_of_labels.items():
        unknown = sorted(set(names) - set(ids))
        if unknown:
            raise ValueError(
                f"The label {unknown[0]!r} does not occur in the training split. "
                f"Expected one of {', '.join(labels)}."
            )
        label_ids = np.array([ids[name] for name in names], "int32")
        clips[split] = replace(clips[split], labels=label_ids)
    return Data(**{split: clips.get(split) for split in SPLITS}, labels=labels)


def _clips(rows, split, config):
    """Returns `Clips` without label ids, and the name of each clip's label.

    Clips are written one by one to an unnamed temporary file, which is memory-mapped
    and deleted with the process.
    """
    samples = config.sample_rate_hz * config.clip_ms // 1000
    bar = Progress(rows.count, "clip")
    names, labels = [], []
    with tempfile.TemporaryFile() as file:
        for name, label, read in rows.clips:
            file.write(as_int16(fit_clip(read()[np.newaxis], samples)).tobytes())
            names.append(name)
            labels.append(label)
            bar.add()
        bar.close()
        if not names:
            raise ValueError(
                f"data.dataset={config.dataset}: the {split} split is empty. "
                "Without validation_list.txt and testing_list.txt, 10% of the speakers "
                "are validation and 10% test; a speaker is the part of a file's name "
                "before the first underscore. Give both lists, or clips of more "
                "speakers."
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
    """Batches log-mel frames and one-hot labels.

    With `clips_in_a_row` r, each row of a batch concatenates r clips: frames are
    `(batch, r * frames, bands)` and labels `(batch, r, labels)`. Without it labels are
    `(batch, labels)`. With `beside` a batch has between them log-mel frames of the
    noise beside each row, `(rows, frames, bands)`: in the first half of the rows the
    noise of the first clip, before it; in the others that of the last clip, after it.

    Args:
        clips: `Clips`.
        num_classes: Number of labels.
        front_end: `LogMel`.
        batch_size: Clips per batch, rounded down to whole rows.
        clips_in_a_row: Clips per row, or None.
        augmentation: An `AugmentationConfig`, for `shuffled`.
        beside: Whether to return the noise beside each row.
    """

    def __init__(
        self,
        clips,
        num_classes,
        front_end,
        batch_size,
        clips_in_a_row=None,
        augmentation=None,
        beside=False,
    ):
        self.clips, self.front_end, self.augmentation = clips, front_end, augmentation
        self.num_classes, self.in_a_row = num_classes, clips_in_a_row
        self.beside = beside
        row = clips_in_a_row or 1
        self.batch_size = max(1, batch_size // row) * row
        self.steps = -(-len(clips.labels) // self.batch_size)
        self.frames = clips.waves.shape[1] // front_end.hop

    def in_order(self, shard=WHOLE):
        """Returns every clip once, with its evaluation noise.

        A batch that replicas cannot share evenly is padded with rows without a label.
        """
        clips, samples = self.clips, self.clips.waves.shape[1]
        places = evaluation_places(clips)
        drawn = only_noise(clips.snr_db, places, samples, self.front_end)

        def batches():
            for start in range(0, len(clips.labels), self.batch_size):
                size = len(clips.labels[start : start + self.batch_size])
                rows = shard.rows(size)
                for part in shard.cuts(size):
                    cut = slice(start + part.start, start + part.stop)
                    yield (
                        filled(clips.waves[cut], rows),
                        filled(clips.labels[cut], rows, NO_LABEL),
                        Drawn(*(filled(array, rows) for array in drawn.rows(cut))),
                    )

        return self._dataset(batches)

    def shuffled(self, seed, epoch=0, shard=WHOLE):
        """Returns shuffled, augmented batches, endlessly.

        Order and augmentation are a function of seed, epoch and batch. The last batch
        of an epoch is filled up with the first clips of the epoch.

        Args:
            seed: Seed of order and augmentation.
            epoch: Number of the first epoch.
            shard: The `Shard` of each batch to return.
        """
        shard.check(self.batch_size, self.in_a_row or 1)
        clips = self.clips

        def batches():
            for number in itertools.count(epoch):
                order = np.random.default_rng([seed, number]).permutation(
                    len(clips.labels)
                )
                order = np.resize(order, (self.steps, self.batch_size))
                settings = self.augmentation.in_epoch(number)
                for step, index in enumerate(order):
                    rng = np.random.default_rng([seed, number, step])
                    drawn = draw(
                        *(rng, len(index), settings, clips.noise),
                        *(clips.waves.shape[1], self.front_end),
                    )
                    for part in shard.cuts(len(index)):
                        chosen = index[part]
                        yield (
                            clips.waves[chosen],
                            clips.labels[chosen],
                            drawn.rows(part),
                        )

        return self._dataset(batches)

    def _dataset(self, batches):
        samples = self.clips.waves.shape[1]
        frames, bands = self.frames, self.front_end.mel_bands
        row = self.in_a_row or 1
        noise = tf.constant(self.clips.noise)

        def features(waves, labels, drawn):
            waves, level = augmented(waves, noise, drawn)
            x = self.front_end(waves)
            x = blank(x, drawn.kept_frames, drawn.kept_bands)
            x = tf.reshape(x, [-1, row * frames, bands])
            shape = (
                [-1, self.num_classes]
                if self.in_a_row is None
                else [-1, row, self.num_classes]
            )
            labels = tf.reshape(tf.one_hot(labels, self.num_classes), shape)
            if not self.beside:
                return x, labels
            places = (drawn.noise, drawn.begin)
            return x, self._noise_beside(waves, noise, level, places), labels

        signature = (
            tf.TensorSpec([None, samples], "int16"),
            tf.TensorSpec([None], "int32"),
            Drawn.signature(frames, bands),
        )
        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        features = tf.autograph.experimental.do_not_convert(features)
        return dataset.map(features).prefetch(4)

    def _noise_beside(self, waves, noise, level, places):
        """Returns log-mel frames of the noise that goes on before or after each row."""
        row, samples = self.in_a_row or 1, waves.shape[1]
        count = tf.shape(waves)[0] // row
        rows = tf.range(count)
        before = rows < count // 2
        clip = row * rows + tf.where(before, 0, row - 1)
        number, begin = (tf.gather(place, clip) for place in places)
        begin += tf.where(before, -samples, samples)
        beside = stretches(noise, (number, begin), tf.gather(waves, clip))
        return self.front_end(beside * tf.gather(level, clip)[:, tf.newaxis])


def measured(clips, cut, snr_db):
    """Adds evaluation noise to some of the clips; returns float32 waveforms.

    The noise depends on the clip only, so every evaluation is the same.

    Args:
        clips: `Clips`.
        cut: A slice, or indices.
        snr_db: Signal-to-noise ratio in dB of each of these clips; infinity adds no
            noise.
    """
    places = [drawn[cut] for drawn in evaluation_places(clips)]
    return add_noise(as_float(clips.waves[cut]), clips.noise, snr_db, places)[0].numpy()


def evaluation_places(clips):
    """Returns the noise of each clip in evaluation; see `noise_places`."""
    count, samples = clips.waves.shape
    return noise_places(np.random.default_rng(0), count, clips.noise, samples)
