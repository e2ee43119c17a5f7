"""Commands side by side: their lines, cores and failures; Ctrl-C ends all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments import side_by_side
from experiments.side_by_side import default_jobs, run_side_by_side


def python(code):
    return [sys.executable, "-c", code]


def test_every_line_has_its_name_and_a_failure_stops_no_other(capfd):
    failed = run_side_by_side(
        {
            "a": python("import sys; print('one'); sys.exit('two')"),
            "b": python("print('three')"),
            "c": python("print('four')"),
        },
        2,
    )
    assert failed == {"a": 1}
    lines = capfd.readouterr().out.splitlines()
    assert {"[a] one", "[a] two", "[b] three", "[c] four"} <= set(lines)
    ends = sorted(line.rpartition(" in ")[0] for line in lines if " in " in line)
    assert ends == ["[a] failed with code 1", "[b] done", "[c] done"]


def test_in_a_terminal_one_line_moves_and_a_failure_shows_its_last_lines(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    log = tmp_path / "runs" / "all.log"
    commands = {
        "a": python("import time; print('Epoch 1 of 2: loss'); time.sleep(1)"),
        "b": python("import sys; print('one'); sys.exit('two')"),
    }
    assert run_side_by_side(commands, 1, log) == {"b": 1}
    assert sorted(log.read_text().splitlines()) == [
        "[a] Epoch 1 of 2: loss",
        "[b] one",
        "[b] two",
    ]
    shown = capsys.readouterr()
    first, done, *failed = shown.out.splitlines()
    assert first == f"What they print: {log}"
    assert done.startswith("[a] done in ")
    assert sorted(failed[:2]) == ["[b] one", "[b] two"]
    assert failed[2].startswith("[b] failed with code 1 in ")
    lines = shown.err.split("\r")
    assert any(
        line.startswith("0 of 2 done  ") and line.endswith("  a: Epoch 1 of 2")
        for line in lines
    )
    assert lines[-1] == ""  # the moving line is gone
    assert "loss" not in shown.err


def test_at_most_so_many_run_at_once(tmp_path, capfd):
    """Of three with two jobs, the third begins when one of the others has ended."""
    code = (
        "import sys, time; from pathlib import Path; here = Path(sys.argv[1]); "
        "(here / sys.argv[2]).touch(); time.sleep(0.3); "
        "print(len(list(here.iterdir()))); (here / sys.argv[2]).unlink()"
    )
    names = "abc"
    run_side_by_side({n: [*python(code), str(tmp_path), n] for n in names}, 2)
    counts = [
        line[4] for line in capfd.readouterr().out.splitlines() if line[4:5] in "123"
    ]
    assert len(counts) == 3
    assert "3" not in counts


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_each_has_its_part_of_the_cores(capfd, monkeypatch):
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("one core")
    code = "import os, time; time.sleep(0.3); print(sorted(os.sched_getaffinity(0)))"
    run_side_by_side({name: python(code) for name in "ab"}, 2)
    out = capfd.readouterr().out
    assert str(cores[0::2]) in out
    assert str(cores[1::2]) in out
    assert sorted(os.sched_getaffinity(0)) == cores


def test_the_number_of_jobs_follows_cores_memory_and_gpu(monkeypatch):
    monkeypatch.setattr(side_by_side, "available_cores", lambda: [0, 1, 2, 3])
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 7e9 / 4096}
    monkeypatch.setattr(os, "sysconf", pages.get)
    monkeypatch.setattr(Path, "glob", lambda *_: [])
    assert default_jobs() == 2
    pages["SC_PHYS_PAGES"] *= 10
    assert default_jobs() == 4
    pages["SC_PHYS_PAGES"] /= 100
    assert default_jobs() == 1
    monkeypatch.setattr(Path, "glob", lambda *_: [Path("/dev/nvidia0")])
    pages["SC_PHYS_PAGES"] *= 100
    assert default_jobs() == 1


def test_without_a_report_of_the_memory_apps_train_one_after_the_other(monkeypatch):
    monkeypatch.setattr(side_by_side, "available_cores", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(Path, "glob", lambda *_: [])
    monkeypatch.delattr(os, "sysconf")  # as on Windows
    assert default_jobs() == 1


STOPPED = """
import signal, sys
from experiments.side_by_side import run_side_by_side
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
wait = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
run_side_by_side({name: [sys.executable, "-c", wait] for name in "abc"}, 2)
"""


def test_a_signal_ends_all_and_starts_no_more():
    command = [sys.executable, "-c", STOPPED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        numbers = [int(process.stdout.readline().split()[1]) for _ in "ab"]
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert process.returncode == 143
    assert "[c]" not in rest
    end = time.monotonic() + 10
    while any(Path(f"/proc/{n}").exists() for n in numbers):
        assert time.monotonic() < end
        time.sleep(0.05)
