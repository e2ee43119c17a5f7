"""Text from every source, cut into streams and windows."""

import numpy as np
import pytest
import tensorflow as tf

from apps.common.data import reading
from apps.common.data import vocabulary as vocabulary_module
from apps.common.data.batches import Shard
from apps.common.data.splits import text_hash
from apps.common.data.vocabulary import Vocabulary
from apps.common.data.wikipedia import split_of
from apps.common.portable.patterns import END, NEW_LINE
from apps.language_modeling import data as data_module
from apps.language_modeling import files
from apps.language_modeling.config import DataConfig
from apps.language_modeling.data import Windows, load_data


def words(data, split):
    return [data.vocabulary.tokens[i] for i in getattr(data, split)]


def test_a_file_is_cut_into_eight_tenths_and_two(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("".join(f"w{n:02} w{n:02}\n" for n in range(100)))
    data = load_data(DataConfig(dataset="files", file=str(path)))
    assert len(data.train) == 80 * 3
    assert len(data.validation) == len(data.test) == 10 * 3
    assert words(data, "train")[:6] == ["w00", "w00", END, "w01", "w01", END]
    assert words(data, "test")[0] == "<unk>"
    assert {array.dtype for array in (data.train, data.test)} == {np.dtype("int32")}


def test_files_match_a_pattern_or_lie_in_a_folder(tmp_path):
    for name in ("train", "validation", "test"):
        (tmp_path / f"{name}.txt").write_text(f"{name} x x\n")
    config = DataConfig(dataset="files", file=str(tmp_path), min_count=1)
    data = load_data(config)
    assert words(data, "train") == ["train", "x", "x", END]
    assert words(data, "test") == ["<unk>", "x", "x", END]
    pattern = DataConfig(dataset="files", file=str(tmp_path / "t*.txt"), min_count=1)
    assert "test" not in load_data(pattern, ("train",)).vocabulary.tokens[:2]


def test_a_file_whose_name_is_a_pattern_is_that_file(tmp_path):
    (tmp_path / "notes1.txt").write_text("wrong\n" * 40)
    (tmp_path / "notes[1].txt").write_text("right\n" * 40)
    config = DataConfig(dataset="files", file=str(tmp_path / "notes[1].txt"))
    assert load_data(config, ("train",)).vocabulary.tokens[3:] == ["right"]


@pytest.mark.parametrize("tokenization", ["words", "spaces", "characters"])
def test_a_corpus_of_one_line_is_read_in_pieces_that_cut_no_word(
    tokenization, tmp_path, monkeypatch
):
    text = " ".join(f"word{n}" * (1 + n % 3) for n in range(300))
    text = f"{text}{' ' * 90}\n{'x' * 39} \n\n"  # pieces without a token, too
    (tmp_path / "train.txt").write_text(f"{text}a second line\n")
    config = DataConfig(
        dataset="files", file=str(tmp_path), tokens=tokenization, min_count=1
    )
    whole = words(load_data(config, ("train",)), "train")
    monkeypatch.setattr(files, "LONGEST_LINE", 40)
    assert words(load_data(config, ("train",)), "train") == whole
    assert whole.count(END) == (0 if tokenization == "characters" else 3)


@pytest.mark.parametrize("tokenization", ["words", "spaces", "characters"])
def test_a_text_that_is_counted_in_parts_has_the_same_ids(
    tokenization, tmp_path, monkeypatch
):
    lines = [f"Line {n} of it isn't w{n * n % 97}\n" * (n % 3) for n in range(200)]
    (tmp_path / "a.txt").write_text("".join(lines) + "\x01 \n \n", encoding="utf-8")
    config = DataConfig(
        dataset="files", file=str(tmp_path / "a.txt"), tokens=tokenization
    )
    whole = load_data(config)
    for name, value in (("BATCH_TEXTS", 7), ("KEPT", 20)):
        monkeypatch.setattr(reading, name, value)
    monkeypatch.setattr(vocabulary_module, "KEPT", 20)
    monkeypatch.setattr(data_module, "REPLACED", 11)
    in_parts = load_data(config)
    assert in_parts.vocabulary.tokens == whole.vocabulary.tokens
    again = load_data(config, vocabulary=whole.vocabulary)
    for split in data_module.SPLITS:
        expected = getattr(whole, split)
        np.testing.assert_array_equal(getattr(in_parts, split), expected)
        np.testing.assert_array_equal(getattr(again, split), expected)


@pytest.mark.parametrize("tokenization", ["words", "spaces", "characters"])
def test_a_nul_character_is_a_blank(tokenization, tmp_path):
    (tmp_path / "train.txt").write_text("one\x00two \x00 three\n" * 9)
    config = DataConfig(dataset="files", file=str(tmp_path), tokens=tokenization)
    data = load_data(config, ("train",))
    assert "\x00" not in data.vocabulary.tokens
    assert not np.isin(data.train, [0, 1]).any()
    (tmp_path / "train.txt").write_text("one two   three\n" * 9)
    np.testing.assert_array_equal(data.train, load_data(config, ("train",)).train)


def test_line_ends_of_windows_and_a_byte_order_mark_change_nothing(tmp_path):
    for name, content in (
        ("plain", b"one two\nthree\n" * 10),
        ("windows", b"\xef\xbb\xbf" + b"one two\r\nthree\r\n" * 10),
    ):
        (tmp_path / name).mkdir()
        for split in ("train", "validation", "test"):
            (tmp_path / name / f"{split}.txt").write_bytes(content)
    for tokenization in ("words", "spaces", "characters"):
        plain, windows = (
            load_data(
                DataConfig(
                    dataset="files", file=str(tmp_path / name), tokens=tokenization
                )
            )
            for name in ("plain", "windows")
        )
        assert plain.vocabulary.tokens == windows.vocabulary.tokens
        np.testing.assert_array_equal(plain.train, windows.train)


def test_the_ids_lie_on_disk(book):
    data = load_data(DataConfig(dataset="files", file=str(book)))
    assert isinstance(data.train, np.memmap)


def test_a_vocabulary_keeps_the_most_frequent_tokens(tmp_path):
    for split in ("train", "validation", "test"):
        (tmp_path / f"{split}.txt").write_text("a a a b b c c c c d\n")
    config = DataConfig(dataset="files", file=str(tmp_path), vocabulary_size=2)
    data = load_data(config)
    assert data.vocabulary.tokens == ["<pad>", "<unk>", END, "c", "a"]
    assert words(data, "train").count("<unk>") == 3


@pytest.mark.parametrize(
    ("content", "file", "message"),
    [
        (b"", "a.txt", "train split has no token that occurs 2 times"),
        (b" \n\n", "a.txt", "train split has no token that occurs 2 times"),
        (b"\xff\xfe a", "a.txt", "not UTF-8"),
        (b"a a", "b.txt", r"data\.file: expected a text file"),
        (b"a a", "", r"data\.file: expected a text file"),
        (b"a a", ".", r"train\.txt: there is no such file"),
    ],
    ids=["empty", "blank", "not UTF-8", "missing", "none", "folder"],
)
def test_what_cannot_be_read_is_refused(tmp_path, content, file, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_data(DataConfig(dataset="files", file=file))


def test_a_split_without_text_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("one one one\n")
    with pytest.raises(ValueError, match="the validation split is empty"):
        load_data(DataConfig(dataset="files", file=str(tmp_path / "a.txt")))


def test_the_penn_treebank_is_read_from_its_folder(tmp_path):
    for name, text in (("train", " a <unk> N \n"), ("valid", " N \n"), ("test", "a\n")):
        (tmp_path / f"ptb.{name}.txt").write_text(text)
    config = DataConfig(
        dataset="ptb", directory=str(tmp_path), tokens="spaces", min_count=1
    )
    data = load_data(config)
    assert data.vocabulary.tokens == ["<pad>", "<unk>", END, "N", "a"]
    assert data.train.tolist() == [4, 1, 3, 2]
    for directory in ("", str(tmp_path / "nowhere")):
        with pytest.raises(ValueError, match=r"data\.directory: expected the folder"):
            load_data(DataConfig(dataset="ptb", directory=directory))


def test_wikipedia_is_split_by_title(wikipedia):
    data = load_data(DataConfig())
    for split in ("train", "validation", "test"):
        expected = sum(split_of(article["title"]) == split for article in wikipedia)
        assert words(data, split).count(END) == expected > 0


@pytest.fixture
def windows():
    return Windows(np.arange(2, 2 + 403, dtype="int32"), batch_size=4, window=10)


def test_streams_go_on_from_window_to_window(windows):
    seen = list(windows.shuffled(seed=3).take(windows.steps).as_numpy_iterator())
    lengths = [inputs["token_ids"].shape[1] for inputs, _ in seen]
    assert sorted(set(lengths)) == [7, 9, 11, 13]
    assert [bool(inputs["first"]) for inputs, _ in seen] == [True] + [False] * (
        windows.steps - 1
    )
    ids = np.concatenate([inputs["token_ids"] for inputs, _ in seen], axis=1)
    targets = np.concatenate([target for _, target in seen], axis=1)
    np.testing.assert_array_equal(np.diff(ids), 1)
    np.testing.assert_array_equal(targets, ids + 1)


def test_an_epoch_is_a_function_of_seed_and_number(windows):
    def first(seed, epoch):
        batches = windows.shuffled(seed, epoch).take(windows.steps)
        return [
            inputs["token_ids"].tolist() for inputs, _ in batches.as_numpy_iterator()
        ]

    assert first(1, 5) == first(1, 5)
    assert first(1, 5) != first(1, 6)
    assert first(1, 5) != first(2, 5)
    both = windows.shuffled(1, 4).skip(windows.steps).take(windows.steps)
    later = [inputs["token_ids"].tolist() for inputs, _ in both.as_numpy_iterator()]
    assert later == first(1, 5)


def test_in_order_every_target_comes_once(windows):
    seen = list(windows.in_order().as_numpy_iterator())
    assert len(seen) == windows.steps_in_order
    targets = np.concatenate([target for _, target in seen], axis=1)
    streams = np.arange(2, 402).reshape(4, 100)
    np.testing.assert_array_equal(targets, streams[:, 1:])


def test_a_text_shorter_than_its_windows_is_refused():
    with pytest.raises(ValueError, match="The text is too short: 100 tokens"):
        Windows(np.zeros(100, "int32"), batch_size=4, window=10)


def test_a_short_validation_text_is_read_in_fewer_streams():
    ids = np.arange(100, dtype="int32")
    assert Windows.for_validation(ids, 4, 10).batch_size == 2
    assert Windows.for_validation(ids, 1, 10).batch_size == 1
    with pytest.raises(ValueError, match="The text is too short: 30 tokens"):
        Windows.for_validation(ids[:30], 4, 10)


def test_the_vocabulary_of_characters_survives_its_file(tmp_path):
    vocabulary = Vocabulary([" ", NEW_LINE, "é"])
    vocabulary.save(tmp_path / "vocabulary.txt")
    assert Vocabulary.load(tmp_path / "vocabulary.txt").tokens == vocabulary.tokens


@pytest.mark.parametrize("replicas", [2, 3])
def test_each_replica_reads_its_own_streams_in_order(windows, replicas):
    """Three replicas cannot share four streams: streams of padding fill up."""
    whole = list(windows.in_order().as_numpy_iterator())
    parts = [
        list(windows.in_order(Shard(n, num_replicas=replicas)).as_numpy_iterator())
        for n in range(replicas)
    ]
    for (inputs, targets), *own in zip(whole, *parts, strict=True):
        ids = np.concatenate([part["token_ids"] for part, _ in own])
        np.testing.assert_array_equal(ids[:4], inputs["token_ids"])
        asked = np.concatenate([part for _, part in own])
        np.testing.assert_array_equal(asked[:4], targets)
        assert not ids[4:].any()
        assert not asked[4:].any()
        assert {bool(part["first"]) for part, _ in own} == {bool(inputs["first"])}


def test_streams_that_replicas_cannot_share_are_refused_in_training(windows):
    with pytest.raises(ValueError, match=r"train.batch_size: .* by 3 rep.*Received: 4"):
        windows.shuffled(1, 0, Shard(num_replicas=3))


def test_film_reviews_are_read_without_those_that_sentiment_reports(monkeypatch):
    reviews = {
        "train": [f"labelled {n}" for n in range(300)],
        "unsupervised": [f"unlabelled {n}" for n in range(600)],
    }

    def published(name, split):
        assert name == "imdb_reviews"
        return tf.data.Dataset.from_tensor_slices({"text": reviews[split]})

    monkeypatch.setattr(data_module, "load_dataset", published)
    config = DataConfig(dataset="imdb_reviews")
    rows = {
        split: list(data_module.DATASETS["imdb_reviews"](config, split))
        for split in ("train", "validation", "test")
    }
    assert rows["validation"] == [
        text for text in reviews["train"] if text_hash(text, 10) == 1
    ]
    assert 10 < len(rows["test"]) < 60
    assert all(text.startswith("unlabelled") for text in rows["test"])
    together = [text for texts in rows.values() for text in texts]
    assert sorted(together) == sorted(reviews["train"] + reviews["unsupervised"])


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-be"])
def test_a_text_in_another_encoding_is_cut_at_the_same_places(encoding, tmp_path):
    lines = [f"Une soirée à l'été, numéro {n}.\n" for n in range(400)]
    found = {}
    for name in ("utf-8", encoding):
        path = tmp_path / f"{name}.txt"
        path.write_bytes("".join(lines).encode(name))
        config = DataConfig(dataset="files", file=str(path), encoding=name)
        found[name] = load_data(config)
    assert found[encoding].vocabulary.tokens == found["utf-8"].vocabulary.tokens
    counts = [
        [len(getattr(data, split)) for split in ("train", "validation", "test")]
        for data in found.values()
    ]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_text_of_any_line_ends_is_cut_into_the_same_tenths(end, tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("".join(f"w{n:03} a{end}" for n in range(1000)).encode())
    data = load_data(DataConfig(dataset="files", file=str(path), min_count=1))
    counts = [words(data, s).count(END) for s in ("train", "validation", "test")]
    assert counts == [800, 100, 100]


def test_a_folder_of_another_encoding_is_read(tmp_path):
    for split in ("train", "validation", "test"):
        (tmp_path / f"{split}.txt").write_bytes(b"caf\xe9 caf\xe9\n")
    config = DataConfig(dataset="files", file=str(tmp_path), encoding="cp1252")
    assert "café" in load_data(config).vocabulary.tokens
