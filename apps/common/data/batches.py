"""Batches of arrays of different lengths, in few shapes."""

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 400, 512, 768, 1024)


@dataclass(frozen=True)
class Shard:
    """The rows of each global batch that this process's replicas read.

    Replica k reads the k-th of equal slices. A batch that cannot be divided evenly is
    filled up with padding.

    Attributes:
        first_replica: Number of the first replica of this process, from 0.
        local_replicas: Number of replicas of this process.
        num_replicas: Number of replicas of all processes.
    """

    first_replica: int = 0
    local_replicas: int = 1
    num_replicas: int = 1

    @classmethod
    def of_context(cls, context):
        """Returns the shard of a `tf.distribute.InputContext`."""
        count = context.num_replicas_in_sync // context.num_input_pipelines
        first = context.input_pipeline_id * count
        return cls(first, count, context.num_replicas_in_sync)

    def rows(self, size):
        """Returns the number of rows that a replica reads of a batch of `size`."""
        return -(-size // self.num_replicas)

    def cuts(self, size):
        """Returns the slice of rows for each replica of this process."""
        rows = self.rows(size)
        first = self.first_replica
        numbers = range(first, first + self.local_replicas)
        return [slice(n * rows, min((n + 1) * rows, size)) for n in numbers]

    def check(self, batch_size, row=1):
        """Raises ValueError if replicas cannot share rows of `row` examples evenly."""
        if batch_size % (self.num_replicas * row):
            raise ValueError(
                f"train.batch_size: {self.num_replicas} replicas share a batch. Take a "
                f"multiple of {self.num_replicas * row}. Received: {batch_size}."
            )


WHOLE = Shard()


def filled(array, rows, value=0):
    """Returns an array with rows of `value` after its own, `rows` in all."""
    if len(array) == rows:
        return array
    padding = [(0, rows - len(array)), *[(0, 0)] * (array.ndim - 1)]
    return np.pad(array, padding, constant_values=value)


class PaddedBatches:
    """Batches of examples whose arrays have lengths of their own.

    A batch is a dictionary of arrays `(batch_size, ...)`, padded with 0 to the next of
    `lengths`. Examples of like lengths are together; where a shape has too few of them
    to fill a batch, its last rows are padding alone, so that XLA sees few shapes.

    Args:
        columns: For each name a sequence of arrays, one an example; a `Spool` will do.
        batch_size: Examples a batch.
        fixed: Names of columns whose arrays have one shape, which is kept.
        min_shape_share: Shapes with a smaller share of the examples are merged into
            the next larger shape, at most twice as large, so that XLA compiles fewer.
        lengths: Lengths to which arrays are padded.

    Attributes:
        steps: Batches of an epoch.
    """

    def __init__(
        self, columns, batch_size, fixed=(), min_shape_share=0.0, lengths=LENGTHS
    ):
        self.columns, self.batch_size = columns, batch_size
        shapes = zip(
            *(
                self._shapes(arrays, name in fixed, lengths)
                for name, arrays in columns.items()
            ),
            strict=True,
        )
        known = {}  # for one object a shape, not one an example
        shapes = [known.setdefault(shape, shape) for shape in shapes]
        joined = _joined(Counter(shapes), min_shape_share * len(shapes))
        self.shapes = [joined[shape] for shape in shapes]
        counts = Counter(self.shapes).values()
        self.steps = sum(-(-count // batch_size) for count in counts)

    @staticmethod
    def _shapes(arrays, fixed, lengths):
        for array in arrays:
            shape = array.shape
            yield shape if fixed else tuple(padded(n, lengths) for n in shape)

    def in_order(self, shard=WHOLE):
        """Returns every example once, shape by shape as batches fill."""
        order = range(len(self.shapes))
        return self._dataset(lambda: self._batches(order, shard), shard)

    def shuffled(self, seed, epoch=0, shard=WHOLE):
        """Returns batches from an epoch on, endlessly; the order depends on both."""
        shard.check(self.batch_size)

        def batches():
            for number in itertools.count(epoch):
                rng = np.random.default_rng([seed, number])
                yield from self._batches(rng.permutation(len(self.shapes)), shard)

        return self._dataset(batches, shard)

    def _batches(self, order, shard):
        for shape, chosen in self._chosen(order):
            for cut in shard.cuts(self.batch_size):
                yield self._batch(shape, chosen[cut], shard.rows(self.batch_size))

    def _chosen(self, order):
        """Yields the shape of each batch and the numbers of its examples."""
        waiting = defaultdict(list)
        for index in order:
            shape = self.shapes[index]
            waiting[shape].append(index)
            if len(waiting[shape]) == self.batch_size:
                yield shape, waiting.pop(shape)
        yield from waiting.items()

    def _batch(self, shapes, chosen, rows):
        batch = {}
        for (name, arrays), shape in zip(self.columns.items(), shapes, strict=True):
            batch[name] = np.zeros((rows, *shape), arrays[0].dtype)
            for row, index in enumerate(chosen):
                array = arrays[index]
                batch[name][(row, *map(slice, array.shape))] = array
        return batch

    def _dataset(self, batches, shard):
        signature = {
            name: tf.TensorSpec(
                [shard.rows(self.batch_size), *[None] * arrays[0].ndim], arrays[0].dtype
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


def padded(size, lengths=LENGTHS):
    """Returns the length to which one is padded."""
    return next((length for length in lengths if size <= length), size)


def rows_of(ragged):
    """Returns the rows of a ragged tensor as a list of arrays."""
    return np.split(ragged.flat_values.numpy(), ragged.row_splits.numpy()[1:-1])
