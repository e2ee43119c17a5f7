"""Batches bucketed by length: every example once, of full size, in few shapes."""

import numpy as np
import pytest
import tensorflow as tf

from apps.common.data.batches import PaddedBatches, Shard, filled, padded
from apps.common.data.spool import Spool


@pytest.fixture
def batches():
    """Fifty examples: a row of n + 1 numbers, a table, and a number."""
    columns = {
        "row": [np.full(1 + n % 20, n + 1, "int32") for n in range(50)],
        "table": [np.full((1 + n % 3, 2), n + 1, "float32") for n in range(50)],
        "number": [np.array(n + 1, "int32") for n in range(50)],
    }
    return PaddedBatches(columns, batch_size=8, fixed=("number",))


def numbers(dataset, count):
    examples = []
    for batch in dataset.take(count).as_numpy_iterator():
        assert {len(part) for part in batch.values()} == {8}
        examples += batch["number"][batch["number"] > 0].tolist()
    return examples


def test_an_example_stays_together_and_the_rest_is_padding(batches):
    for batch in batches.in_order().as_numpy_iterator():
        assert batch["row"].shape[1] in (8, 16, 24)
        assert batch["table"].shape[1:] == (8, 8)
        for row, table, number in zip(*batch.values(), strict=True):
            length = 1 + (number - 1) % 20 if number else 0
            assert row.tolist() == [number] * length + [0] * (len(row) - length)
            assert table.sum() == (2 * (1 + (number - 1) % 3) * number if number else 0)


def test_every_example_comes_once_an_epoch(batches):
    in_order = numbers(batches.in_order(), 1000)
    epoch = numbers(batches.shuffled(1, 0), batches.steps)
    assert sorted(in_order) == sorted(epoch) == list(range(1, 51))
    assert in_order != epoch
    assert len(list(batches.in_order())) == batches.steps


def test_the_order_is_a_function_of_seed_and_epoch(batches):
    def of(seed, epoch):
        return numbers(batches.shuffled(seed, epoch), batches.steps)

    assert of(1, 0) == of(1, 0) != of(1, 1)
    assert of(1, 0) != of(2, 0)
    both = numbers(batches.shuffled(1, 0), 2 * batches.steps)
    assert both[50:] == of(1, 1)


@pytest.mark.parametrize("shards", [[(0, 1), (1, 1)], [(0, 2)], [(0, 3), (3, 1)]])
@pytest.mark.parametrize("shuffled", [True, False])
def test_shards_together_are_the_whole_batches(batches, shards, shuffled):
    def parts(shard):
        dataset = batches.shuffled(3, 1, shard) if shuffled else batches.in_order(shard)
        return list(
            dataset.take(batches.steps * shard.local_replicas).as_numpy_iterator()
        )

    (whole,) = [parts(Shard())]
    replicas = sum(count for _, count in shards)
    sharded = [(parts(Shard(first, count, replicas)), count) for first, count in shards]
    for step, batch in enumerate(whole):
        slices = [part for each, n in sharded for part in each[step * n : step * n + n]]
        assert {len(part["number"]) for part in slices} == {8 // replicas}
        for name, expected in batch.items():
            np.testing.assert_array_equal(
                np.concatenate([part[name] for part in slices]), expected
            )


def test_a_batch_that_replicas_cannot_share_evenly_is_refused(batches):
    with pytest.raises(ValueError, match=r"batch_size: .* by 3 .*Received: 8\."):
        batches.shuffled(1, 0, Shard(num_replicas=3))


@pytest.mark.parametrize("size", range(8))
@pytest.mark.parametrize("num_replicas", [1, 2, 3, 4])
def test_cuts_cover_every_row_once_and_are_filled_up(size, num_replicas):
    array, covered = np.arange(1, size + 1), []
    for first in range(num_replicas):
        shard = Shard(first, num_replicas=num_replicas)
        (cut,) = shard.cuts(size)
        rows = filled(array[cut], shard.rows(size), value=-1)
        assert len(rows) == -(-size // num_replicas)
        covered += rows[rows > 0].tolist()
    assert covered == array.tolist()


@pytest.mark.parametrize(("workers", "gpus"), [(1, 1), (1, 4), (3, 1), (2, 2)])
def test_workers_with_gpus_read_every_row_once(workers, gpus):
    covered = []
    for worker in range(workers):
        context = tf.distribute.InputContext(workers, worker, workers * gpus)
        shard = Shard.of_context(context)
        assert (shard.local_replicas, shard.num_replicas) == (gpus, workers * gpus)
        covered += [row for cut in shard.cuts(12) for row in range(12)[cut]]
    assert covered == list(range(12))


def test_lengths_are_few():
    assert [padded(n) for n in (1, 8, 9, 33, 1024, 1025)] == [8, 8, 16, 48, 1024, 1025]


def test_a_rare_shape_joins_a_larger_one_but_none_of_more_than_twice_its_size():
    lengths = [3] * 40 + [12] * 2 + [20] * 40 + [100] * 3
    columns = {"row": [np.full(n, n, "int32") for n in lengths]}
    merged = PaddedBatches(columns, batch_size=4, min_shape_share=0.1)
    assert merged.shapes == [((8,),)] * 40 + [((24,),)] * 42 + [((128,),)] * 3
    rows = [row for b in merged.in_order().as_numpy_iterator() for row in b["row"]]
    assert sorted(row.max() for row in rows if row.any()) == lengths
    unmerged = PaddedBatches(columns, batch_size=4)
    assert set(unmerged.shapes) == {((8,),), ((16,),), ((24,),), ((128,),)}


def test_a_shape_joins_none_that_is_smaller_in_any_column():
    columns = {
        "row": [np.ones(n, "int32") for n in [20] + [8] * 30],
        "other": [np.ones(n, "int32") for n in [8] + [16] * 30],
    }
    batches = PaddedBatches(columns, batch_size=4, min_shape_share=0.1)
    assert batches.shapes[0] == ((24,), (8,))


def test_a_spool_gives_the_batches_that_a_list_gives():
    rows = [np.full(1 + n % 20, n + 1, "int32") for n in range(50)]
    numbers = np.arange(50, dtype="int32")
    first, second = (
        PaddedBatches({"row": column, "number": numbers}, 8, fixed=("number",))
        for column in (rows, Spool("int32", rows))
    )
    assert first.steps == second.steps
    for one, other in zip(first.in_order(), second.in_order(), strict=True):
        for name in ("row", "number"):
            np.testing.assert_array_equal(one[name], other[name])


def test_a_shape_is_held_once_for_all_examples():
    batches = PaddedBatches({"row": [np.ones(5, "int32")] * 99}, batch_size=4)
    assert len({id(shape) for shape in batches.shapes}) == 1
