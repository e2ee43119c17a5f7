"""A user's mistake is one line and exit code 2; a programmer's is a stack trace."""

import json
import sys

import pytest

from apps.common.terminal import clear_errors, evaluate_command
from apps.sentiment.evaluate import evaluate


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("data.file: no such file."), 2, "Error: data.file: no such file."),
        (UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "odd"), 2, "Error: 'utf-8' codec"),
        (OSError(28, "No space left on device"), 1, "Error: [Errno 28] No space left"),
        (PermissionError(13, "denied", "run"), 1, "Error: [Errno 13] denied: 'run'"),
        (KeyboardInterrupt(), 130, "Interrupted. The same command resumes."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_user_can_mend_is_one_line(error, code, line, capsys):
    with pytest.raises(SystemExit) as ended, clear_errors():
        raise error
    assert ended.value.code == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.strip().startswith(line)
    assert len(told.err.strip().splitlines()) == 1


@pytest.mark.parametrize("error", [TypeError("a bug"), KeyError("a bug")])
def test_a_bug_is_not_hidden(error):
    with pytest.raises(type(error), match="a bug"), clear_errors():
        raise error


def test_carousel_debug_shows_the_stack_trace(monkeypatch):
    monkeypatch.setenv("CAROUSEL_DEBUG", "1")
    with pytest.raises(ValueError, match="a mistake"), clear_errors():
        raise ValueError("a mistake")


def test_a_disk_that_is_full_for_tensorflow_is_one_line_as_well(tmp_path, capsys):
    import tensorflow as tf

    error = tf.errors.ResourceExhaustedError(
        None, None, "logs; No space left on device"
    )
    with pytest.raises(SystemExit) as ended, clear_errors():
        raise error
    assert ended.value.code == 1


def test_without_an_error_nothing_is_said(capsys):
    with clear_errors():
        pass
    assert capsys.readouterr() == ("", "")


def test_the_script_prints_the_metrics(finished_run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["evaluate", str(finished_run)])
    evaluate_command(evaluate)
    printed = capsys.readouterr().out
    metrics = json.loads(printed[printed.index("{") :])
    assert metrics == json.loads((finished_run / "metrics.json").read_text())


def test_the_script_refuses_a_directory_that_is_no_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["evaluate", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        evaluate_command(evaluate)
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told.startswith(f"Error: {tmp_path} is not a run")
    assert len(told.splitlines()) == 1
