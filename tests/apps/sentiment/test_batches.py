"""Batches: few shapes, every example once an epoch, an order that can be repeated."""

import itertools

import numpy as np
import pytest

from apps.common.data.vocabulary import Vocabulary
from apps.common.portable.patterns import PADDING_ID
from apps.sentiment import data
from apps.sentiment.data import Examples, batches_of, encode

COUNT, BATCH_SIZE, MAX_LENGTH = 70, 4, 20
BUCKETS, SIZES = (8, 16, 24, 32), (8, 16, 20)
WORDS = ["film", "story", "plot", "actor", "scene", "good", "bad"]


@pytest.fixture(scope="module", autouse=True)
def _buckets():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "BUCKETS", BUCKETS)
        yield


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary(WORDS)


@pytest.fixture(scope="module")
def examples():
    """Texts of 0 to 29 words; the label is the example's number."""
    generator = np.random.default_rng(70)
    lengths = [0, 7, 8, 9, 16, 17, 20, 21, *generator.integers(0, 30, COUNT - 8)]
    texts = [" ".join(generator.choice(WORDS, n)).encode() for n in lengths]
    return Examples(np.array(texts, dtype=object), np.arange(COUNT, dtype="int32"))


def made(examples, vocabulary, max_length=MAX_LENGTH, batch_size=BATCH_SIZE):
    columns = encode(examples, vocabulary, max_length)
    return batches_of(columns, batch_size, max_length)


@pytest.fixture(scope="module")
def batches(examples, vocabulary):
    return made(examples, vocabulary)


def of_texts(batch):
    """Returns token ids and labels of the rows that have a text."""
    is_text = batch["token_ids"][:, 0] != PADDING_ID
    return batch["token_ids"][is_text], batch["labels"][is_text]


def labels_of(dataset, count):
    """Returns the labels of so many batches, batch by batch."""
    return [of_texts(batch)[1].numpy().tolist() for batch in dataset.take(count)]


def epochs_of(batches, seed, first, count):
    labels = labels_of(batches.shuffled(seed, first), count * batches.steps)
    return [labels[n : n + batches.steps] for n in range(0, len(labels), batches.steps)]


def flat(rows):
    return list(itertools.chain(*rows))


def test_every_batch_has_the_width_of_a_bucket_and_each_row_is_in_the_narrowest(
    batches, examples, vocabulary
):
    for ids, labels in map(of_texts, batches.in_order()):
        assert ids.shape[1] in SIZES
        assert 1 <= ids.shape[0] <= BATCH_SIZE
        tokens = vocabulary.token_ids(examples.texts[labels.numpy()], MAX_LENGTH)
        lengths = tokens.row_lengths().numpy()
        narrowest = [min(s for s in SIZES if s >= n) for n in lengths]
        assert set(narrowest) == {ids.shape[1]}
        padded = tokens.to_tensor(0, shape=(None, ids.shape[1]))
        np.testing.assert_array_equal(ids, padded)
        assert (ids.dtype, labels.dtype) == ("int32", "int32")


def test_in_order_gives_every_example_once(batches):
    labels = labels_of(batches.in_order(), -1)
    assert len(labels) == batches.steps
    assert sorted(flat(labels)) == list(range(COUNT))


def test_an_epoch_gives_every_example_once_in_as_many_steps(batches):
    for epoch in epochs_of(batches, seed=1, first=0, count=3):
        assert sorted(flat(epoch)) == list(range(COUNT))


def test_the_steps_are_counted_bucket_by_bucket(vocabulary):
    texts = [b"film"] * 5 + [b"film " * 10] * 4 + [b"film " * 18]
    texts = np.array(texts, dtype=object)
    examples = Examples(texts, np.zeros(10, dtype="int32"))
    assert made(examples, vocabulary, MAX_LENGTH, 4).steps == 2 + 1 + 1
    assert made(examples, vocabulary, MAX_LENGTH, 100).steps == 3
    assert made(examples, vocabulary, 8, 100).steps == 1


def test_epochs_differ(batches):
    first, second, third = epochs_of(batches, seed=1, first=0, count=3)
    assert first != second != third != first


def test_the_order_is_a_function_of_seed_and_epoch(batches, examples, vocabulary):
    again = made(examples, vocabulary)
    assert epochs_of(batches, 1, 0, 2) == epochs_of(again, 1, 0, 2)
    assert epochs_of(batches, 1, 0, 2) == epochs_of(batches, 1, 0, 2)
    assert epochs_of(batches, 1, 0, 1) != epochs_of(batches, 5, 0, 1)


def test_a_stream_from_a_later_epoch_goes_on_as_the_stream_from_the_first(batches):
    whole = epochs_of(batches, seed=3, first=0, count=4)
    assert epochs_of(batches, seed=3, first=2, count=2) == whole[2:]


def test_a_stream_resumes_in_the_middle_of_an_epoch(batches):
    whole = flat(epochs_of(batches, seed=3, first=1, count=2))
    assert labels_of(batches.shuffled(3, 1).skip(5), 9) == whole[5:14]


def test_examples_of_one_batch_change_from_epoch_to_epoch(batches):
    first, second = epochs_of(batches, seed=1, first=0, count=2)
    assert {frozenset(labels) for labels in first} != {frozenset(x) for x in second}
