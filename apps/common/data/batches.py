"""Pads and batches arrays of different lengths, in few shapes."""

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

    Replica k reads the k-th of `num_replicas` equal slices. The reader pads a batch
    that does not divide evenly.

    Attributes:
        first_replica: Index of the first replica of this process, from 0.
        local_replicas: Number of replicas of this process.
        num_replicas: Number of replicas of all processes together.
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
        """Returns the number of rows per replica for a batch of `size` rows."""
        return -(-size // self.num_replicas)

    def cuts(self, size):
        """Returns one slice of row indices for each replica of this process."""
        rows = self.rows(size)
        first = self.first_replica
        numbers = range(first, first + self.local_replicas)
        return [slice(n * rows, min((n + 1) * rows, size)) for n in numbers]

    def check(self, batch_size, row=1):
        """Raises ValueError if the rows of a batch do not divide evenly by replicas.

        Args:
            batch_size: Examples per global batch.
            row: Examples per row.
        """
        if batch_size % (self.num_replicas * row):
            raise ValueError(
                f"train.batch_size: cannot be divided evenly by {self.num_replicas} "
                f"replicas. Set a multiple of {self.num_replicas * row}. "
                f"Received: {batch_size}."
            )


WHOLE = Shard()


def filled(array, rows, value=0):
    """Pads an array to `rows` rows with rows of `value`."""
    if len(array) == rows:
        return array
    padding = [(0, rows - len(array)), *[(0, 0)] * (array.ndim - 1)]
    return np.pad(array, padding, constant_values=value)


class PaddedBatches:
    """Batches examples of different lengths, bucketed by padded shape.

    A batch is a dictionary of arrays `(batch_size, ...)`, padded with 0 to the next of
    `lengths`. All examples of a batch have the same padded shape. The last batch of a
    shape is filled up with rows of padding, so that XLA compiles few shapes.

    Args:
        columns: Maps each name to a sequence of arrays, one per example. A `Spool` is
            such a sequence.
        batch_size: Examples per batch.
        fixed: Names of columns whose arrays all have the same shape; they are not
            padded.
        min_shape_share: Shapes with a smaller share of the examples are merged into
            the next larger shape, at most twice as large. XLA then compiles fewer
            shapes; 0 merges none.
        lengths: Lengths to which arrays are padded, in ascending order.

    Attributes:
        steps: Batches per epoch.
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
        known = {}  # one tuple object per shape, not one per example
        shapes = [known.setdefault(shape, shape) for shape in shapes]
        merged = _merge_rare_shapes(Counter(shapes), min_shape_share * len(shapes))
        self.shapes = [merged[shape] for shape in shapes]
        counts = Counter(self.shapes).values()
        self.steps = sum(-(-count // batch_size) for count in counts)

    @staticmethod
    def _shapes(arrays, fixed, lengths):
        for array in arrays:
            shape = array.shape
            yield shape if fixed else tuple(padded(n, lengths) for n in shape)

    def in_order(self, shard=WHOLE):
        """Returns a dataset with every example once, in an order that never changes."""
        order = range(len(self.shapes))
        return self._dataset(lambda: self._batches(order, shard), shard)

    def shuffled(self, seed, epoch=0, shard=WHOLE):
        """Returns an endless dataset of shuffled batches that starts at an epoch.

        Args:
            seed: Seed of the order; each epoch has a different order.
            epoch: Epoch to start with, from 0.
            shard: The rows that this process reads.
        """
        shard.check(self.batch_size)

        def batches():
            for number in itertools.count(epoch):
                rng = np.random.default_rng([seed, number])
                yield from self._batches(rng.permutation(len(self.shapes)), shard)

        return self._dataset(batches, shard)

    def _batches(self, order, shard):
        for shape, indices in self._bucketed(order):
            for cut in shard.cuts(self.batch_size):
                yield self._batch(shape, indices[cut], shard.rows(self.batch_size))

    def _bucketed(self, order):
        """Yields the shape of each batch and the indices of its examples."""
        waiting = defaultdict(list)
        for index in order:
            shape = self.shapes[index]
            waiting[shape].append(index)
            if len(waiting[shape]) == self.batch_size:
                yield shape, waiting.pop(shape)
        yield from waiting.items()

    def _batch(self, shapes, indices, rows):
        batch = {}
        for (name, arrays), shape in zip(self.columns.items(), shapes, strict=True):
            batch[name] = np.zeros((rows, *shape), arrays[0].dtype)
            for row, index in enumerate(indices):
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


def _merge_rare_shapes(counts, min_count):
    """Maps each shape to the shape that it is merged into: a larger one, or itself.

    Args:
        counts: Number of examples by shape. A shape is a tuple of one shape per column.
        min_count: Shapes with fewer examples are merged.
    """
    merged = {}
    for shape in sorted(counts, key=_size, reverse=True):
        larger = [
            other
            for other in set(merged.values())
            if _size(other) <= 2 * _size(shape)
            and all(
                n <= m
                for column, other_column in zip(shape, other, strict=True)
                for n, m in zip(column, other_column, strict=True)
            )
        ]
        is_rare = counts[shape] < min_count and larger
        merged[shape] = min(larger, key=lambda s: (_size(s), s)) if is_rare else shape
    return merged


def _size(shape):
    """Returns the number of values in one row of all columns."""
    return sum(math.prod(column) for column in shape)


def padded(size, lengths=LENGTHS):
    """Returns the smallest of `lengths` that is at least `size`; else `size`."""
    return next((length for length in lengths if size <= length), size)


def rows_of(ragged):
    """Splits a ragged tensor into a list of arrays, one per row."""
    return np.split(ragged.flat_values.numpy(), ragged.row_splits.numpy()[1:-1])
