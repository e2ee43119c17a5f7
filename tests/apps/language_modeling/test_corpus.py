"""A large text is encoded once, in parts, by all workers together."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from apps.language_modeling import files, parts, shards
from apps.language_modeling.config import DataConfig
from apps.language_modeling.data import load_data
from tests.apps.language_modeling.together import (
    SPLITS,
    assert_equal,
    corpus_of,
    lines,
    load_together,
    shared_processes,
    sizes,
)


@pytest.fixture(scope="module")
def set_processes():
    with shared_processes() as set_count:
        yield set_count


@pytest.fixture(autouse=True)
def one_process(set_processes):
    set_processes(1)


def data_or_error(load):
    """Returns what a function returns, or the message of its error."""
    try:
        return load()
    except ValueError as error:
        return str(error)


def case(*values):
    names = ("texts", "tokenization", "encoding", "end", "size", "count", "processes")
    return dict(zip(names, values, strict=True))


TEXTS = st.lists(
    st.text("ab é.\t中\x00\x85", max_size=30).map(lambda line: f"{line}\n")
    | st.sampled_from(["\n", " \n", "x" * 50, "<br \n", "/> y\n", "q w e r t y " * 9]),
    min_size=1,
    max_size=60,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=3),
    tokenization=st.sampled_from(["words", "spaces", "characters"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    size=st.integers(5, 400),
    count=st.integers(1, 3),
    processes=st.integers(1, 2),
)
@example(**case([["x" * 40, "\n", "a b\n" * 20]], "words", "utf-8", "\n", 10, 2, 2))
@example(**case([["x" * 40], ["\n", "a b\n" * 20]], "words", "utf-8", "\n", 10, 3, 1))
@example(**case([["one\n", "\n"] * 30], "spaces", "utf-8-sig", "\r\n", 6, 2, 2))
def test_the_ids_are_those_of_one_process(
    texts,
    tokenization,
    encoding,
    end,
    size,
    count,
    processes,
    set_processes,
    tmp_path_factory,
):
    set_processes(processes)
    directory = tmp_path_factory.mktemp("texts")
    for number, text in enumerate(texts):
        content = "".join(text).replace("\n", end).encode(encoding)
        (directory / f"{number}.txt").write_bytes(content)
    config = DataConfig(
        dataset="files",
        file=str(directory / "*.txt"),
        encoding=encoding,
        tokens=tokenization,
        min_count=1,
    )
    stored = sum(path.stat().st_size for path in directory.glob("*.txt"))
    with sizes(size):
        alone = data_or_error(lambda: [load_data(config, SPLITS)])
        together = data_or_error(
            lambda: load_together(config, directory / "corpora", count)
        )
    if isinstance(alone, str):
        assert together == alone
    elif stored > size:
        for data in together:
            assert_equal(data, alone[0])
    else:
        assert isinstance(together[0].train, np.memmap)


@pytest.mark.parametrize("encoding", ["utf-8", "iso8859-5", "koi8-r", "utf-16"])
def test_parts_are_whole_lines_of_about_their_size(encoding, tmp_path):
    """A file in UTF-16 is not cut, and small files share a part."""
    rows = [f"строка {n} \n" for n in range(100)]
    paths = [tmp_path / f"{n}.txt" for n in range(4)]
    for path, content in zip(paths, (rows, rows[:3], [], rows[3:6]), strict=True):
        path.write_bytes("".join(content).encode(encoding))
    with sizes(200):
        found = parts.cut(paths, encoding)
    read = [line for part in found for line in files.lines_of_ranges(part, encoding)]
    assert read == rows + rows[:6]
    size = sum(path.stat().st_size for path in paths)
    if encoding == "utf-16":
        ranges = [(path, 0, path.stat().st_size) for path in paths]
        assert [place for part in found for place in part] == ranges
        return
    assert len(found) == -(-size // 200)
    assert max(sum(end - start for _, start, end in part) for part in found) < 230
    assert [path for path, _, _ in found[-1]][-2:] == [paths[1], paths[3]]


def test_a_folder_is_encoded_without_its_test_text(tmp_path, small_parts):
    for split in SPLITS:
        content = "".join(lines(60, seed=len(split)))
        (tmp_path / f"{split}.txt").write_text(content)
    config = DataConfig(dataset="files", file=str(tmp_path), min_count=1)
    alone = load_data(config, SPLITS)
    for data in load_together(config, tmp_path / "corpora"):
        assert_equal(data, alone)
        assert data.test is None


def test_a_text_of_one_part_leaves_no_files(text, tmp_path):
    (data,) = load_together(text, tmp_path / "corpora", 1)
    assert isinstance(data.train, np.memmap)
    assert not (tmp_path / "corpora").exists()


def test_each_worker_encodes_its_parts_and_the_next_run_none(
    text, tmp_path, small_parts, monkeypatch, capsys
):
    written, write_part = [], shards.write_part

    def counted(path, *arguments):
        written.append((threading.get_ident(), path.name))
        write_part(path, *arguments)

    monkeypatch.setattr(shards, "write_part", counted)
    first = load_together(text, tmp_path / "corpora")[0]
    names = [name for _, name in written]
    assert len(names) == len(set(names)) == 10
    of_threads = [
        sum(t == thread for t, _ in written) for thread in {t for t, _ in written}
    ]
    assert len(of_threads) == 2
    assert max(of_threads) - min(of_threads) <= 1
    where = corpus_of(tmp_path / "corpora")
    begun, ended = capsys.readouterr().out.splitlines()
    size = os.path.getsize(text.file)
    assert begun == (
        f"{where}: encoding {size:,} bytes of text in {len(names)} parts, by 2 workers."
    )
    total = len(first.train) + len(first.validation)
    assert ended == f"{where}: {total:,} token ids, 0 MB."
    assert not list(where.glob("*.zip"))
    again = load_together(text, tmp_path / "corpora", 3)
    assert len(written) == len(names)
    assert capsys.readouterr().out == f"{where}: this text is encoded already.\n"
    assert_equal(again[2], load_data(text, SPLITS))


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"tokens": "spaces"}, None),
        ({"vocabulary_size": 20}, None),
        ({"min_count": 3}, None),
        ({"token_rules": 1}, None),
        ({"encoding": "ascii"}, None),
        ({}, "content"),
        ({}, "time"),
    ],
)
def test_another_file_or_setting_is_another_corpus(
    changed, name, text, tmp_path, small_parts
):
    load_together(text, tmp_path / "corpora", 1)
    path = Path(text.file)
    if name == "content":
        path.write_text(path.read_text().replace("w1", "y1"))
    if name:
        os.utime(path, ns=(1, 1))
    config = replace(text, **changed)
    (data,) = load_together(config, tmp_path / "corpora", 1)
    assert len(list((tmp_path / "corpora").iterdir())) == 2
    assert_equal(data, load_data(config, SPLITS))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16-le"])
@pytest.mark.parametrize("tokenization", ["words", "spaces", "characters"])
def test_a_text_in_any_encoding_has_the_ids_of_one_process(
    tokenization, encoding, text, small_parts
):
    path = Path(text.file)
    content = path.read_text().replace("w1", "é1")
    half = content.index("\n", len(content) // 2) + 1
    for number, part in enumerate((content[:half], content[half:])):
        path.with_name(f"{number}.txt").write_bytes(part.encode(encoding))
    file = str(path.with_name("[01].txt"))
    config = replace(text, file=file, tokens=tokenization, encoding=encoding)
    alone = load_data(config, SPLITS)
    for data in load_together(config, path.parent / "corpora", 3):
        assert len(data.train.paths) == (2 if encoding == "utf-16-le" else 8)
        assert_equal(data, alone)


def test_a_part_may_have_three_splits(text, tmp_path):
    with sizes(part=int(0.95 * os.path.getsize(text.file))):
        alone = load_data(text, SPLITS)
        for data in load_together(text, tmp_path / "corpora"):
            assert_equal(data, alone)
