"""Batches of arrays of different lengths, in few shapes."""

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import tensorflow as tf

LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 400, 512, 768, 1024)


class PaddedBatches:
    """Batches of examples whose arrays have lengths of their own.

    A batch is a dictionary of arrays `(batch_size, ...)`, padded with 0 to the next of
    `LENGTHS`. Examples of like lengths are together; where a shape has too few of them
    to fill a batch, its last rows are padding alone, so that XLA sees few shapes.

    Args:
        columns: For each name a sequence of arrays, one an example; a `Spool` will do.
        batch_size: Examples a batch.
        fixed: Names of columns whose arrays have one shape, which is kept.
        few: A shape that a smaller share of the examples has joins a larger one, at
            most twice its size: XLA compiles each shape, which takes seconds.

    Attributes:
        steps: Batches of an epoch.
    """

    def __init__(self, columns, batch_size, fixed=(), few=0.0):
        self.columns, self.batch_size = columns, batch_size
        shapes = zip(
            *(self._shapes(arrays, name in fixed) for name, arrays in columns.items()),
            strict=True,
        )
        known = {}  # for one object a shape, not one an example
        shapes = [known.setdefault(shape, shape) for shape in shapes]
        joined = _joined(Counter(shapes), few * len(shapes))
        self.shapes = [joined[shape] for shape in shapes]
        counts = Counter(self.shapes).values()
        self.steps = sum(-(-count // batch_size) for count in counts)

    @staticmethod
    def _shapes(arrays, fixed):
        for array in arrays:
            yield array.shape if fixed else tuple(map(padded, array.shape))

    def in_order(self):
        """Returns every example once, shape by shape as batches fill."""
        return self._dataset(lambda: self._batches(range(len(self.shapes))))

    def shuffled(self, seed, epoch=0):
        """Returns batches from an epoch on, endlessly; the order depends on both."""

        def batches():
            for number in itertools.count(epoch):
                rng = np.random.default_rng([seed, number])
                yield from self._batches(rng.permutation(len(self.shapes)))

        return self._dataset(batches)

    def _batches(self, order):
        waiting = defaultdict(list)
        for index in order:
            shape = self.shapes[index]
            waiting[shape].append(index)
            if len(waiting[shape]) == self.batch_size:
                yield self._batch(shape, waiting.pop(shape))
        for shape, left in waiting.items():
            yield self._batch(shape, left)

    def _batch(self, shapes, chosen):
        batch = {}
        for (name, arrays), shape in zip(self.columns.items(), shapes, strict=True):
            batch[name] = np.zeros((self.batch_size, *shape), arrays[0].dtype)
            for row, index in enumerate(chosen):
                own = tuple(map(slice, arrays[index].shape))
                batch[name][(row, *own)] = arrays[index]
        return batch

    def _dataset(self, batches):
        signature = {
            name: tf.TensorSpec(
                [self.batch_size, *[None] * arrays[0].ndim], arrays[0].dtype
            )
            for name, arrays in self.columns.items()
        }
        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        return dataset.prefetch(8)


def _joined(counts, fewest):
    """Returns for each shape the one that takes its examples: a larger one, or itself.

    Args:
        counts: Number of examples by shape; a shape has one for each column.
        fewest: A shape with fewer joins a larger one.
    """
    joined = {}
    for shape in sorted(counts, key=_size, reverse=True):
        larger = [
            other
            for other in set(joined.values())
            if _size(other) <= 2 * _size(shape)
            and all(
                n <= m
                for own, its in zip(shape, other, strict=True)
                for n, m in zip(own, its, strict=True)
            )
        ]
        few = counts[shape] < fewest and larger
        joined[shape] = min(larger, key=lambda s: (_size(s), s)) if few else shape
    return joined


def _size(shape):
    """Returns how many values a row of all columns has."""
    return sum(math.prod(own) for own in shape)


def padded(size):
    """Returns the length to which one is padded."""
    return next((length for length in LENGTHS if size <= length), size)


def rows_of(ragged):
    """Returns the rows of a ragged tensor as a list of arrays."""
    return np.split(ragged.flat_values.numpy(), ragged.row_splits.numpy()[1:-1])
