"""A training prints a line for each evaluation, on a terminal and in a file."""

import pytest

from apps.common.training.display import Display

LOGS = {"accuracy": 0.64684, "loss": 0.6192}


@pytest.fixture
def train(monkeypatch):
    """Drives the callback through two parts of an epoch."""

    def train(display):
        display.set_params({"epochs": 4, "steps": 3})
        for part in range(2):
            display.on_epoch_begin(part)
            for batch in range(3):
                display.on_train_batch_end(batch, LOGS)
            display.on_test_begin()
            display.on_epoch_end(part, {**LOGS, "val_loss": 0.5611})

    return train


def test_a_file_has_a_line_for_each_evaluation(train, capsys):
    train(Display(parts=2))
    out, err = capsys.readouterr()
    assert err == ""
    assert "\r" not in out
    lines = out.splitlines()
    values = "accuracy 0.6468, loss 0.6192, val_loss 0.5611"
    assert lines == [
        f"Epoch 0.5 of 2: 3 steps of 0 ms, 0 s with evaluation: {values}",
        f"Epoch 1 of 2: 3 steps of 0 ms, 0 s with evaluation: {values}",
    ]


def test_a_terminal_also_has_a_line_that_moves(train, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "150")
    train(Display(parts=1))
    out, err = capsys.readouterr()
    assert out.startswith("Epoch 1 of 4: 3 steps of")
    assert "\rEpoch 1 of 4  1/3 steps  [" in err
    assert "accuracy 0.6468, loss 0.6192" in err


def test_metrics_are_not_read_where_nobody_sees_them(train, capsys):
    class Unread(float):
        def __float__(self):
            raise AssertionError("waited for a step")

    display = Display(parts=1)
    display.set_params({"epochs": 1, "steps": 3})
    display.on_epoch_begin(0)
    display.on_train_batch_end(0, {"loss": Unread()})
