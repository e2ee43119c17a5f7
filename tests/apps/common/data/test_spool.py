"""A spool returns the rows that were appended, from memory and from its file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.data import spool
from apps.common.data.spool import Spool

KINDS = {
    "bytes": (bytes, [b"a", b"", b"\xff\x00", b"long " * 5]),
    "str": (str, ["a", "", "\u00e9 \U0001f600", "long " * 5]),
    "int32": ("int32", [[1, -2, 3], [], [2**31 - 1], list(range(9))]),
    "float32": ("float32", [[0.5], [], [1.0, -2.25]]),
}


def plain(rows):
    return [row.tolist() if isinstance(row, np.ndarray) else row for row in rows]


@pytest.fixture(params=[0, 7, 2**20], ids=["file", "both", "memory"])
def in_memory(request, monkeypatch):
    """Sets a limit with which all rows, some or none are in the file."""
    monkeypatch.setattr(spool, "IN_MEMORY", request.param)


@pytest.mark.usefixtures("in_memory")
@pytest.mark.parametrize("kind", KINDS)
def test_rows_come_back_as_they_went_in(kind):
    kind, rows = KINDS[kind]
    kept = Spool(kind)
    for number, row in enumerate(rows, start=1):
        kept.append(row)
        assert len(kept) == number
        assert plain(kept) == rows[:number]
    for row in kept:
        assert isinstance(row, kind) if isinstance(kind, type) else row.dtype == kind


@pytest.mark.usefixtures("in_memory")
def test_a_spool_is_indexed_as_a_list_is():
    rows = [f"row {n}" for n in range(9)]
    kept = Spool(str, rows)
    assert [kept[n] for n in range(-9, 9)] == [rows[n] for n in range(-9, 9)]
    assert kept[np.int64(3)] == "row 3"
    for part in (slice(2, 5), slice(None), slice(-3, 99), slice(None, None, -2)):
        assert kept[part] == rows[part]
    for wrong in (9, -10):
        with pytest.raises(IndexError, match=f"among 9. Received: {wrong}"):
            kept[wrong]


@given(st.lists(st.tuples(st.binary(max_size=9), st.integers(0, 20))))
def test_reading_between_writes_changes_nothing(rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "IN_MEMORY", 16)
        kept = Spool(bytes)
        for number, (row, index) in enumerate(rows):
            kept.append(row)
            if index <= number:
                assert kept[index] == rows[index][0]
    assert list(kept) == [row for row, _ in rows]


def test_no_more_than_the_limit_stays_in_memory_and_less_needs_no_file(monkeypatch):
    monkeypatch.setattr(spool, "IN_MEMORY", 100)
    kept = Spool("int32", [np.arange(5)] * 5)
    assert kept.file is None
    kept.append([5])
    assert kept.written == 104
    assert not kept.last
    kept.extend([[6]] * 1000)
    assert len(kept.last) <= 100
    assert kept.written + len(kept.last) == 4104


def test_half_characters_become_question_marks():
    assert list(Spool(str, ["a\ud83d"])) == ["a?"]
