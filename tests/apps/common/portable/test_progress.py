"""Progress moves in one line of a terminal, and writes nothing to a file."""

import pytest

from apps.common.portable import progress
from apps.common.portable.progress import Progress


@pytest.fixture
def terminal(monkeypatch):
    """Makes standard error a terminal; pytest renews it before each test's body."""

    def become():
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", "60")

    return become


def work(bar, count=3, line=None):
    for _ in range(count):
        bar.add()
    bar.close(line)


def test_a_file_gets_the_closing_line_alone(capsys):
    work(Progress(3, "text"), line="done")
    assert capsys.readouterr() == ("done\n", "")


def test_a_terminal_sees_how_much_is_done_and_how_long_it_takes(terminal, capsys):
    terminal()
    work(Progress(3, "text", "Reading"))
    out, err = capsys.readouterr()
    assert out == ""
    first, *_, last = err.removesuffix("\n").split("\r")[1:]
    assert first.startswith("Reading  1/3 texts  [======              ]  0 s left")
    assert last.rstrip() == f"Reading  3/3 texts  [{'=' * 20}]  0 s"


def test_the_line_changes_at_most_ten_times_a_second(terminal, monkeypatch, capsys):
    terminal()
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    bar = Progress(None, "line")
    for _ in range(1000):
        bar.add(2)
        now[0] += 0.001
    bar.close()
    shown = capsys.readouterr().err.split("\r")[1:]
    assert len(shown) == 10
    assert shown[-1].split() == ["1,802", "lines", "1", "s"]


def test_the_closing_line_replaces_the_moving_one(terminal, capsys):
    terminal()
    work(Progress(3, "text"), line="done")
    out, err = capsys.readouterr()
    assert out == "done\n"
    assert err.endswith(f"\r{' ' * len('3/3 texts  [====================]  0 s')}\r")


def test_a_line_is_never_wider_than_the_terminal(terminal, capsys):
    terminal()
    bar = Progress(3, "text", "a name" * 20)
    bar.show(1, "values" * 30)
    assert max(map(len, capsys.readouterr().err.split("\r"))) == 59


@pytest.mark.parametrize("unit", ["text", None])
def test_without_a_unit_a_terminal_sees_nothing(unit, terminal, capsys):
    terminal()
    work(Progress(3, unit))
    assert bool(capsys.readouterr().err) == (unit is not None)
