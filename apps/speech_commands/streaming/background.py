"""Trains a streaming model on sound in which no word is said, beside its clips.

It learns what a stream has: sound without a word, and words that follow other sound,
with the state that this left. Half of the rows begin with the sound and half end with
it. If all began with it, the model would learn to detect nothing at first. A share of
the rows has instead the noise of its clip, which goes on: with a clip alone the model
would not learn words in noise that lasts.
"""

import itertools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from apps.common.data.batches import WHOLE
from apps.common.portable.masking import MASKED
from apps.speech_commands.streaming.hours import background, frames_of

SEED = 1  # apart from the seeds of the clips' augmentation


def load_background(hours, labels, config):
    """Returns log-mel frames of sound without the labels: `(minutes, frames, bands)`.

    Args:
        hours: Hours of sound of all kinds.
        labels: Names of the labels.
        config: The `Config`.

    Raises:
        ValueError: If the sound cannot be made, or all labels are words.
    """
    if all(label[0] != "_" for label in labels):
        raise ValueError(
            'train.background_hours: expected a label that begins with "_", such as '
            f"_unknown_, for sound without a word. Received: {', '.join(labels)}. Add "
            "one, or set train.background_hours=0."
        )
    files = background("train", hours, labels, config)
    paths = list(itertools.chain.from_iterable(files.values()))
    return np.concatenate(list(frames_of(paths)))


class WithBackground:
    """Batches of clips, each row with a stretch before or after it.

    The stretch is a random one of the sound, or the noise beside the row.

    Features are `(batch, frames of the stretch + frames of the clips, bands)`, as
    `joined` joins them; labels are those of the clips.

    Args:
        batches: `Batches` with the noise beside each row.
        minutes: What `load_background` returns.
        frames: Frames of a stretch.
        noise_share: Fraction of the rows that have the noise.
    """

    def __init__(self, batches, minutes, frames, noise_share):
        self.batches, self.minutes, self.frames = batches, minutes, frames
        self.noise_share = noise_share
        self.steps, self.batch_size = batches.steps, batches.batch_size

    def shuffled(self, seed, epoch=0, shard=WHOLE):
        """Returns the batches of `Batches.shuffled` with stretches."""
        rows = self.batch_size // (self.batches.in_a_row or 1)
        places = np.arange(self.frames)

        def stretches():
            for number in itertools.count(epoch):
                for step in range(self.steps):
                    rng = np.random.default_rng([SEED, seed, number, step])
                    minute = rng.integers(len(self.minutes), size=rows)
                    noisy = rng.random(rows) < self.noise_share
                    last = self.minutes.shape[1] - self.frames
                    begin = rng.integers(last + 1, size=rows)
                    for part in shard.cuts(rows):
                        frame = begin[part, np.newaxis] + places
                        sound = self.minutes[minute[part, np.newaxis], frame]
                        yield sound, noisy[part]

        shape = [None, self.frames, self.minutes.shape[2]]
        signature = tf.TensorSpec(shape, "float32"), tf.TensorSpec([None], "bool")
        sound = tf.data.Dataset.from_generator(stretches, output_signature=signature)
        clips = self.batches.shuffled(seed, epoch, shard)

        def rows_of(drawn, batch):
            (sound, noisy), (features, noise, labels) = drawn, batch
            sound = tf.where(noisy[:, tf.newaxis, tf.newaxis], noise, sound)
            return joined(sound, features), labels

        return tf.data.Dataset.zip((sound, clips)).map(rows_of).prefetch(4)


def joined(sound, clips):
    """Joins rows along time: in the first half the sound is first, then the clips."""
    half = tf.shape(sound)[0] // 2
    first = tf.concat([sound[:half], clips[:half]], axis=1)
    last = tf.concat([clips[half:], sound[half:]], axis=1)
    return tf.concat([first, last], axis=0)


def parted(rows, frames):
    """Undoes `joined`; returns the sound of so many frames, and the clips."""
    half = tf.shape(rows)[0] // 2
    first, last = rows[:half], rows[half:]
    sound = tf.concat([first[:, :frames], last[:, -frames:]], axis=0)
    return sound, tf.concat([first[:, frames:], last[:, :-frames]], axis=0)


class BackgroundLoss(NamedTuple):
    """The loss of hearing a word in the sound of `WithBackground`.

    Attributes:
        frames: Frames of a stretch.
        weight: Weight of the loss.
        labels: Names of the labels; those that begin with "_" are no words.
    """

    frames: int
    weight: float
    labels: list

    def split(self, logits, clip_frames, pooling):
        """Returns the weighted loss, summed over rows, and the logits of the clips.

        Args:
            logits: Logits of each frame, `(rows, timesteps, labels)`.
            clip_frames: Frames of a clip.
            pooling: As for `clip_logits`.
        """
        words = [label[0] != "_" for label in self.labels]
        width = clip_frames if pooling == "max" else 1
        sound, clips = parted(logits, self.frames)
        return self.weight * tf.reduce_sum(no_word_loss(sound, words, width)), clips


def no_word_loss(logits, words, frames):
    """Returns the mean loss of hearing a word in sound without one, `(rows,)`.

    At each frame it is -log of the probability that it is no word, with the logits
    pooled over a clip that ends there, as in a stream.

    Args:
        logits: Logits of each frame, `(rows, timesteps, labels)`.
        words: Whether each label is a word, `(labels,)`.
        frames: Frames of a clip; 1 where the last frame's logits count alone.
    """
    padded = tf.pad(logits, [[0, 0], [frames - 1, 0], [0, 0]], constant_values=MASKED)
    pooled = tf.nn.max_pool1d(padded, frames, 1, "VALID")
    others = tf.where(words, MASKED, pooled)
    losses = tf.reduce_logsumexp(pooled, axis=-1) - tf.reduce_logsumexp(others, axis=-1)
    return tf.reduce_mean(losses, axis=-1)
