"""Evaluation, best weights, early stopping and resume of `fit`, with scripted scores.

The script has the model's validation score after each part of an epoch. The model only
counts its steps and records its batches.
"""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common.finished import read_history
from apps.common.training import fit as training
from apps.common.training.fit import fit
from tests.apps.common.training.jobs import job_of, run_in, settings_of

STEPS = 4


class Scripted(keras.Model):
    """Returns the scores of a script; its only weight counts the steps."""

    def __init__(self, script, steps_per_part=STEPS, dies_at=None):
        super().__init__()
        self.script, self.steps_per_part, self.dies_at = script, steps_per_part, dies_at
        self.count = self.add_weight(name="count", shape=())
        self.count.assign(0.0)
        self.seen = []
        self.built = True
        schedule = keras.optimizers.schedules.CosineDecay(0.1, 100)
        self.compile(keras.optimizers.SGD(schedule), run_eagerly=True)

    @property
    def steps(self):
        return int(self.count.numpy())

    def train_step(self, data):
        if self.steps == self.dies_at:
            raise KeyboardInterrupt
        self.count.assign_add(1.0)
        self.seen.append(int(data))
        return {"loss": 1.0}

    def test_step(self, data):
        return {"score": self.script[self.steps // self.steps_per_part - 1]}


@pytest.fixture
def run(tmp_path):
    """Fits a scripted model; epoch 2 has the batches 200, 201, 202, 203."""

    def batches(epoch):
        epochs = tf.data.Dataset.range(epoch, 10**6)
        step = tf.data.Dataset.range(STEPS)
        return epochs.flat_map(lambda number: step.map(lambda n: 100 * number + n))

    def start(model, parts=1, patience=100, mode="max", epochs=None):
        validation = tf.data.Dataset.range(1)
        options = {"monitor": "val_score", "mode": mode}
        fit(
            run_in(tmp_path),
            job_of(model, STEPS, batches, 1, lambda: validation, **options),
            settings_of(epochs or len(model.script) // parts, parts, patience),
        )
        return model

    start.directory = tmp_path
    return start


@pytest.mark.parametrize(
    ("mode", "script", "best"),
    [
        ("max", [0.1, 0.5, 0.3], 2),
        ("min", [0.1, 0.5, 0.3], 1),
        ("max", [0.1, 0.2, 0.3], 3),
        ("min", [-0.1, -0.2, -0.3], 3),
        ("max", [0.5, 0.5, 0.5], 1),
        ("min", [0.5, 0.5, 0.5], 1),
    ],
)
def test_the_weights_of_the_first_best_evaluation_are_kept(mode, script, best, run):
    model = run(Scripted(script), mode=mode)
    assert model.steps == best * STEPS
    with np.load(run.directory / "best.npz") as kept:
        assert [kept[name] for name in kept.files] == [best * STEPS]


@pytest.mark.parametrize(
    ("patience", "trained"),
    [(1, 2), (2, 6), (3, 7), (4, 8), (100, 8)],
)
def test_training_stops_after_patience_evaluations_without_a_better_one(
    patience, trained, run
):
    script = [0.5, 0.5, 0.6, 0.8, 0.8, 0.7, 0.6, 0.5]
    model = run(Scripted(script), patience=patience)
    history = read_history(run.directory)
    assert [row["val_score"] for row in history] == pytest.approx(script[:trained])
    assert len(model.seen) == trained * STEPS
    assert model.steps == (STEPS if patience == 1 else 4 * STEPS)


@pytest.mark.parametrize("mode", ["max", "min"])
def test_patience_counts_in_both_directions(mode, run):
    sign = {"max": 1, "min": -1}[mode]
    script = [sign * value for value in (1, 2, 1, 1, 3)]
    run(Scripted(script), patience=2, mode=mode)
    assert len(read_history(run.directory)) == 4


def test_an_unknown_mode_is_refused(run):
    with pytest.raises(KeyError):
        run(Scripted([1]), mode="best")


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_each_part_of_an_epoch_is_evaluated(parts, run):
    script = list(np.linspace(0, 1, 2 * parts))
    model = run(Scripted(script, STEPS // parts), parts=parts)
    assert model.seen == [0, 1, 2, 3, 100, 101, 102, 103]
    history = read_history(run.directory)
    ends = [n / parts for n in range(1, 2 * parts + 1)]
    assert [row["epoch"] for row in history] == ends
    assert [row["val_score"] for row in history] == pytest.approx(script)
    assert all(row["seconds"] >= 0 for row in history)


def test_an_epoch_has_no_more_parts_than_steps(run):
    model = run(Scripted([0.5] * 8, steps_per_part=1), parts=99, epochs=1)
    assert model.seen == [0, 1, 2, 3]


def test_an_epoch_that_does_not_divide_into_the_parts_is_not_longer(run):
    model = run(Scripted([0.1, 0.2, 0.3] * 2, steps_per_part=2), parts=3, epochs=2)
    assert len(model.seen) <= 2 * STEPS


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("dies_at", [0, 1, 2, 4, 5, 7, 11])
def test_a_resumed_run_takes_the_steps_after_its_last_checkpoint(dies_at, parts, run):
    script, size = [0.1, 0.3, 0.2, 0.6, 0.4, 0.5][: 3 * parts], STEPS // parts
    with pytest.raises(KeyboardInterrupt):
        run(Scripted(script, size, dies_at), parts=parts)
    done = dies_at // size * size  # steps up to the last checkpoint
    model = run(Scripted(script, size), parts=parts)
    every = [100 * epoch + step for epoch in range(3) for step in range(STEPS)]
    assert model.seen == every[done:]
    history = read_history(run.directory)
    assert [row["val_score"] for row in history] == pytest.approx(script)
    assert model.steps == (1 + int(np.argmax(script))) * size


def test_a_run_that_is_killed_again_and_again_arrives(run):
    script, seen = [0.1, 0.2, 0.3], []
    for dies_at in (1, 5, 6, 9):
        model = Scripted(script, dies_at=dies_at)
        with pytest.raises(KeyboardInterrupt):
            run(model)
        seen.append(model.seen)
    assert seen == [[0], [0, 1, 2, 3, 100], [100, 101], [100, 101, 102, 103, 200]]
    assert run(Scripted(script)).steps == 3 * STEPS


def test_patience_goes_on_where_it_was(run):
    script = [0.9, 0.1, 0.1, 0.1, 0.1]
    with pytest.raises(KeyboardInterrupt):
        run(Scripted(script, dies_at=2 * STEPS), patience=3)
    model = run(Scripted(script), patience=3)
    assert model.seen == [200, 201, 202, 203, 300, 301, 302, 303]
    assert model.steps == STEPS


@pytest.mark.parametrize("patience", [1, 100])
def test_a_run_that_only_lacks_its_model_takes_no_step_and_has_the_best_weights(
    patience, run
):
    script = [0.5, 0.4]
    run(Scripted(script), patience=patience)
    again = run(Scripted(script), patience=patience)
    assert again.seen == []
    assert again.steps == STEPS


def test_resuming_is_announced(run, capsys):
    run(Scripted([0.5, 0.6]), parts=2)
    assert "Resuming" not in capsys.readouterr().out
    run(Scripted([0.5, 0.6]), parts=2)
    assert f"Resuming {run.directory} after 1 epochs." in capsys.readouterr().out


def test_a_full_disk_ends_training_and_keeps_the_checkpoint_of_before(run, monkeypatch):
    replace, checkpoint = os.replace, run.directory / "checkpoint.npz"

    def full(source, destination):
        before = run.directory / "checkpoint-before.npz"
        if destination == checkpoint and before.exists():
            raise OSError(28, "No space left on device")
        replace(source, destination)

    script = [0.1, 0.2, 0.3]
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        run(Scripted(script))
    monkeypatch.setattr(os, "replace", replace)
    names = {path.name for path in run.directory.iterdir()}
    assert names == {"best.npz", "checkpoint-before.npz", "history.csv", "logs"}
    model = run(Scripted(script))
    assert model.seen[0] == 100
    assert model.steps == 3 * STEPS


def damage(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def test_a_damaged_checkpoint_is_told_and_the_one_before_is_taken(run, capsys):
    with pytest.raises(KeyboardInterrupt):
        run(Scripted([0.1, 0.2, 0.3], dies_at=2 * STEPS))
    damage(run.directory / "checkpoint.npz")
    model = run(Scripted([0.1, 0.2, 0.3]))
    assert "checkpoint.npz cannot be read" in capsys.readouterr().err
    assert model.seen[0] == 100  # after one epoch, not two
    assert model.steps == 3 * STEPS
    assert [row["epoch"] for row in read_history(run.directory)] == [1, 2, 3]


@pytest.mark.parametrize("names", [["checkpoint.npz"], ["checkpoint-before.npz"]])
def test_a_run_without_a_checkpoint_that_can_be_read_is_not_begun_anew(run, names):
    with pytest.raises(KeyboardInterrupt):
        run(Scripted([0.1, 0.2, 0.3], dies_at=2 * STEPS))
    for path in run.directory.glob("checkpoint*"):
        path.unlink()
    for name in names:
        (run.directory / name).write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match="no checkpoint that can be read"):
        run(Scripted([0.1, 0.2, 0.3]))


def test_damaged_best_weights_are_an_error_that_names_them(run):
    run(Scripted([0.1]))
    damage(run.directory / "best.npz")
    with pytest.raises(ValueError, match=r"best.npz cannot be read"):
        run(Scripted([0.1]))


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_training_and_keeps_the_checkpoint(run, loss):
    class Diverging(Scripted):
        def train_step(self, data):
            logs = super().train_step(data)
            return {"loss": loss} if self.steps == STEPS + 2 else logs

    script = [0.1, 0.2, 0.3]
    with pytest.raises(ValueError, match=r"The loss is \w+ at batch 2 after 1 epochs"):
        run(Diverging(script))
    assert run(Scripted(script)).seen[0] == 100


def test_weights_that_are_no_numbers_do_not_replace_the_checkpoint(run):
    class Diverging(Scripted):
        def test_step(self, data):
            logs = super().test_step(data)
            if self.steps == 2 * STEPS:
                self.count.assign(float("nan"))
            return logs

    script = [0.1, 0.2, 0.3]
    with pytest.raises(ValueError, match=r"Weights are infinite or NaN after 2 epochs"):
        run(Diverging(script))
    assert run(Scripted(script)).seen[0] == 100


def test_a_kill_between_checkpoint_and_history_loses_no_row(run, monkeypatch):
    atomic_write = training.atomic_write

    def killed(path):
        if path.name == "history.csv":
            raise KeyboardInterrupt
        return atomic_write(path)

    monkeypatch.setattr(training, "atomic_write", killed)
    with pytest.raises(KeyboardInterrupt):
        run(Scripted([0.1]))
    monkeypatch.setattr(training, "atomic_write", atomic_write)
    run(Scripted([0.1]))
    assert len(read_history(run.directory)) == 1


@pytest.mark.parametrize("mode", ["max", "min"])
def test_an_evaluation_that_is_not_a_number_is_never_the_best(mode, run):
    model = run(Scripted([0.5, float("nan"), 0.5]), mode=mode)
    assert model.steps == STEPS


def test_tensorboard_finds_training_and_validation_logs(run):
    run(Scripted([0.1]))
    logs = [path.parent.name for path in run.directory.glob("logs/*/events.out.*")]
    assert sorted(logs) == ["train", "validation"]
