"""`tune` with fake trainings: what it tries, prunes, keeps, writes and refuses."""

import math
from pathlib import Path

import pytest
import yaml

from apps.common.finished import trained_already
from apps.common.portable.files import exclusive_lock
from apps.sentiment.config import Config, search_space
from experiments.tuning import outcome
from tests.experiments.tuning.conftest import DRAW, EPOCHS, HERE, rows_of
from tests.experiments.tuning.fakes import Interrupted, number_of


def states(rows):
    return [row["state"] for row in rows]


def tried(rows):
    """Returns what does not depend on the time: states, values and settings."""
    return [{**row, "minutes": 0} for row in rows]


def test_the_first_trial_is_the_recipe_itself_and_later_ones_set_all_that_is_searched(
    tune, trainings
):
    rows = tune(3)
    assert trainings.words[0] == [
        *("sentiment", "small", "train", f"train.epochs={EPOCHS}"),
        f"run_directory={HERE}/trial-000",
    ]
    defaults = Config()
    for name in search_space(defaults):
        section, _, key = name.partition(".")
        assert rows[0][name] == str(getattr(getattr(defaults, section), key))
    for words in trainings.words[1:]:
        *_, epochs = words[:4]
        assert epochs == f"train.epochs={EPOCHS}"
        names = [word.partition("=")[0] for word in words[4:-1]]
        assert names == list(search_space(defaults))
    assert trainings.numbers == [0, 1, 2]
    assert trainings.words[1][4:-1] != trainings.words[2][4:-1]


def test_settings_that_the_user_sets_are_not_searched(tune, trainings, capsys):
    rows = tune(2, "model.units=8", "train.batch_size=4", "train.seed=1")
    output = capsys.readouterr().out
    assert (
        "Not searched, since you set them: model.units, train.batch_size.\n" in output
    )
    for words in trainings.words:
        assert words.count("model.units=8") == words.count("train.batch_size=4") == 1
        assert sum(word.startswith("model.units=") for word in words) == 1
    assert "model.units" not in rows[0]
    assert "model.num_layers" in rows[0]


def test_if_all_is_set_nothing_is_left_to_search(refused):
    words = [f"{name}=1" for name in search_space(Config())]
    words[words.index("model.dropout=1")] = "model.dropout=0.5"
    fractions = ("model.embedding_dropout", "train.average_momentum")
    words = [f"{w[:-1]}0.5" if w.startswith(fractions) else w for w in words]
    words[words.index("model.pooling=1")] = "model.pooling=max"
    code, error = refused(2, *words)
    assert code == 2
    assert error == (
        "Error: tune: you set all that it searches. Leave one setting out.\n"
    )


def test_a_trial_worse_than_the_median_is_stopped_and_counts_as_pruned(
    tune, trainings, capsys
):
    trainings.score = lambda number, config, epoch: 0.5 if number < 4 else 0.25
    rows = tune(4.9)
    assert states(rows) == [*["finished"] * 4, *["pruned"] * 2]
    # The first third of a training is spared, two epochs of six.
    assert [row["epochs"] for row in rows] == [*["6.0"] * 4, *["3.0"] * 2]
    assert trainings.killed == [4, 5]
    line = "Trial 4: 4.5 of 4.9 minutes, 3 epochs in 30 s, val_accuracy 0.2500, pruned"
    assert f"{line}; best 0.5000 of trial 0\n" in capsys.readouterr().out


def test_a_trial_that_is_better_is_not_pruned(tune, trainings):
    trainings.score = lambda number, config, epoch: 0.1 * number
    assert states(tune(6)) == ["finished"] * 6


def test_of_equal_trials_the_recipe_itself_is_the_best(tune, trainings):
    trainings.score = lambda number, config, epoch: 0.5
    tune(3)
    recipe = (HERE / "small_tuned.yaml").read_text()
    assert recipe == (
        "# small, tuned: val_accuracy 0.5000 as before: no trial was better "
        "(3 trials).\n"
        f"train:\n  epochs: {EPOCHS}\n"
    )


def test_the_value_of_a_trial_is_its_best_evaluation(tune, trainings):
    trainings.score = lambda number, config, epoch: 0.7 - 0.1 * abs(epoch - 3)
    assert tune(1)[0]["val_accuracy"] == "0.7"


def test_the_recipe_file_has_what_differs_from_the_defaults_and_is_the_best_trial(
    task, tune, trainings, capsys
):
    rows = tune(5, "train.seed=3")
    values = [float(row["val_accuracy"]) for row in rows]
    best = values.index(max(values))
    assert best > 0
    path = HERE / "small_tuned.yaml"
    first, rest = path.read_text().split("\n", 1)
    assert first == (
        f"# small, tuned: val_accuracy {values[best]:.4f} instead of {values[0]:.4f} "
        f"({len(rows)} trials)."
    )
    config = task.config(str(path), [])
    assert (config.train.epochs, config.train.seed) == (EPOCHS, 3)
    recipe = yaml.safe_load(rest)
    for section, keys in recipe.items():
        for key, value in keys.items():
            assert getattr(getattr(config, section), key) == value
            assert getattr(getattr(Config(), section), key) != value
    assert trained_already(HERE / f"trial-{best:03}", config)
    output = capsys.readouterr().out
    assert f"{path} evaluate export run_directory={HERE}/trial-{best:03}\n" in output
    assert f"\nBest: trial {best} with val_accuracy {values[best]:.4f}; " in output


def test_numbers_are_tried_with_three_digits(tune, trainings):
    tune(2)
    words = trainings.words[1]
    rate = next(word for word in words if word.startswith("train.learning_rate="))
    rate = rate.partition("=")[2]
    assert rate == f"{float(f'{float(rate):.3g}')}"


def test_only_the_best_trial_keeps_its_weights(tune):
    rows = tune(4)
    best = max(rows, key=lambda row: float(row["val_accuracy"]))["trial"]
    for row in rows:
        run = HERE / f"trial-{int(row['trial']):03}"
        weights = {"checkpoint.npz", "logs", "model.keras"}
        names = {"config.yaml", "history.csv"}
        names |= weights if row["trial"] == best else set()
        assert {path.name for path in run.iterdir()} == names


def test_pictures_show_the_trials_and_what_mattered(tune, monkeypatch, capsys):
    monkeypatch.setattr(outcome, "_draw", DRAW)
    tune(3)
    pictures = [HERE / "history.png", HERE / "importance.png"]
    for path in pictures:
        assert path.read_bytes().startswith(b"\x89PNG")
    assert f", {pictures[0]}, {pictures[1]}\n" in capsys.readouterr().out


def test_one_trial_does_not_say_what_mattered(tune, monkeypatch, capsys):
    monkeypatch.setattr(outcome, "_draw", DRAW)
    tune(0.5)
    output = capsys.readouterr().out
    line = "importance.png is not drawn: it needs two finished trials that differ.\n"
    assert line in output
    assert not (HERE / "importance.png").exists()
    assert (HERE / "history.png").exists()


def test_no_trial_begins_after_the_minutes(tune, trainings):
    assert len(tune(3)) == 3  # a trial takes a minute
    assert trainings.killed == []


def test_the_first_trial_ends_however_long_it_takes(tune, trainings):
    assert states(tune(0.1)) == ["finished"]
    assert trainings.now == 60


def test_a_trial_far_beyond_the_end_is_stopped_and_resumed_with_more_minutes(
    tune, trainings, capsys
):
    rows = tune(1.5)  # 90 s; it is stopped when more than a tenth is added
    assert states(rows) == ["finished", "stopped"]
    assert trainings.killed == [1]
    assert rows[1]["epochs"] == "4.0"
    assert "Trial 1: 1.7 of 1.5 minutes, 4 epochs" in capsys.readouterr().out
    rows = tune(3)
    assert trainings.numbers == [0, 1, 1, 2]
    assert trainings.words[1] == trainings.words[2]
    assert states(rows) == ["finished"] * 3
    assert trainings.now == 180


def test_a_second_call_starts_nothing_and_says_it_again(tune, trainings, capsys):
    first = tune(2)
    said = capsys.readouterr().out.split("\nBest: ")[1]
    assert tune(2) == first
    assert trainings.numbers == [0, 1]
    assert capsys.readouterr().out.split("\nBest: ")[1] == said


@pytest.mark.parametrize("epoch", [1, 2, 6, 7])
def test_an_interrupted_search_goes_on_with_the_trial_it_was_at(
    epoch, tune, trainings, tmp_path
):
    trainings.interrupt = lambda number, now: (number, now) == (2, epoch)
    with pytest.raises(Interrupted):
        tune(4)
    assert not (HERE / "trials.csv").exists()
    trainings.interrupt = lambda number, now: False
    rows = tune(4)
    assert trainings.numbers == [0, 1, 2, 2, 3]
    assert trainings.words[2] == trainings.words[3]
    assert trainings.now == 240
    HERE.rename(tmp_path / "interrupted")
    assert tried(tune(4)) == tried(rows)


def test_a_trial_that_fails_is_counted_and_the_search_goes_on(tune, trainings, capsys):
    trainings.codes = {1: 2, 3: 1}
    rows = tune(4)
    assert states(rows)[:4] == ["finished", "failed", "finished", "failed"]
    assert len(rows) > 4
    output = capsys.readouterr().out
    assert "Trial 1: 1.2 of 4 minutes, 1 epochs in 10 s, " in output
    assert ": failed: Fault 1.\n" in output
    assert f"Trials: {len(rows) - 2} finished, 0 pruned, 2 failed." in output


def test_a_trial_without_a_finite_metric_fails(tune, trainings, capsys):
    trainings.score = lambda number, config, epoch: math.nan if number == 1 else 0.5
    assert states(tune(3)) == ["finished", "failed", "finished"]
    assert "failed: no evaluation had a finite val_accuracy." in capsys.readouterr().out


def test_three_failures_in_a_row_end_the_search(refused, trainings):
    trainings.codes = dict.fromkeys(range(2, 9), 2)
    code, error = refused(9)
    assert code == 2
    assert error == "Error: 3 trials in a row failed, the last one with: Fault 4.\n"


@pytest.mark.parametrize("code", [1, 2])
def test_if_the_recipe_itself_fails_its_error_is_raised(code, refused, trainings):
    trainings.codes = {0: code}
    ended, error = refused(3)
    log = HERE / "trial-000.log"
    assert ended == code
    assert error == f"Error: The recipe itself failed: Fault 0. See {log}.\n"
    assert Path(log).read_text().endswith("Error: Fault 0.\n")


def test_a_mended_recipe_begins_anew_where_nothing_was_evaluated(tune, trainings):
    trainings.interrupt = lambda number, epoch: True
    with pytest.raises(Interrupted):
        tune(2, "data.file=reveiws.csv")
    trainings.interrupt = lambda number, epoch: False
    assert states(tune(2, "data.file=reviews.csv")) == ["finished"] * 2


def test_another_setting_is_refused_in_one_line(tune, refused):
    tune(1)
    code, error = refused(2, "train.seed=2", "model.units=64")
    assert code == 2
    assert error == (
        f"Error: {HERE} has a search with other settings: train.seed was 1 and is now "
        "2; search of model.units was '32, 48, 64, 96, 128' and is now None. Give "
        "another directory with run_directory=..., or delete this one.\n"
    )


def test_a_directory_of_something_else_is_refused(refused, trainings):
    HERE.mkdir(parents=True)
    (HERE / "thesis.txt").write_text("mine")
    code, error = refused(1)
    assert code == 2
    assert error.startswith(
        f"Error: {HERE} has files in it but no settings.json: tune did not make it."
    )
    assert [path.name for path in HERE.iterdir()] == ["thesis.txt"]


def test_two_processes_do_not_tune_in_one_directory(refused, trainings):
    HERE.mkdir(parents=True)
    with exclusive_lock(HERE):
        code, error = refused(1)
    assert code == 2
    assert error.startswith(f"Error: {HERE}: another process is tuning in it.")
    assert trainings.words == []


def test_a_directory_of_the_users_own_is_used(tune, trainings, tmp_path):
    with pytest.raises(FileNotFoundError):  # of the table below runs
        tune(1, f"run_directory={tmp_path / 'mine'}")
    assert [row["state"] for row in rows_of(tmp_path / "mine")] == ["finished"]
    assert number_of(trainings.words[0]) == 0
