"""The table of what an hour of `tune` gained, from the studies of the recipes."""

import json

import pytest

from experiments.research import tuned
from experiments.research.tuned import main, recorded_table, row_of
from tests.experiments.tuning.conftest import HERE, rows_of


@pytest.fixture
def study(tune, task, tmp_path, monkeypatch):
    """Tunes the recipe small; returns the number of the best trial."""
    rows = tune(6)
    monkeypatch.setattr(tuned, "TUNED", ((task.name, "small"),))
    monkeypatch.setattr(tuned, "TASKS", {task.name: task})
    monkeypatch.setattr(tuned, "RECIPES", tmp_path)
    monkeypatch.setattr(tuned, "RESULT", tmp_path / "tuned.json")
    recorded = {"metrics": {"accuracy": {"mean": 0.75, "std": 0.01}, "f1": 0.5}}
    path = tmp_path / task.name / "small.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(recorded))
    finished = [row for row in rows if row["state"] == "finished"]
    return int(max(finished, key=lambda row: float(row["val_accuracy"]))["trial"])


@pytest.fixture
def evaluated(study):
    """Writes the test metrics of the best trial; returns its number."""
    metrics = {"accuracy": 0.77777, "f1": 0.6, "roc_auc": 0.9, "loss": 1.0}
    (HERE / f"trial-{study:03}" / "metrics.json").write_text(json.dumps(metrics))
    return study


def test_a_row_has_validation_of_the_recipe_and_of_the_best_trial(evaluated, task):
    rows = rows_of(HERE)
    row = row_of(task, "small")
    assert row["validation"] == pytest.approx(
        [float(rows[number]["val_accuracy"]) for number in (0, evaluated)], abs=1e-6
    )
    assert (row["trials"], row["test"]["accuracy"]) == (len(rows), 0.7778)
    assert row["settings"] == {
        name: value
        for name, value in rows[evaluated].items()
        if "." in name and value != rows[0][name]
    }


def test_the_table_has_recorded_and_tuned_test_figures(evaluated, monkeypatch):
    monkeypatch.setattr(tuned, "update_tables", lambda page, tables: None)
    main(["--record"])
    header, _, row, _, circumstances = recorded_table().splitlines()
    assert header.startswith("| recipe | trials | minutes | validation: recipe |")
    assert "| accuracy 0.750, f1 0.500 | accuracy 0.778" in row
    assert circumstances.startswith("`python -m experiments.research.tuned --record`: ")


def test_a_best_trial_that_is_not_evaluated_is_refused(study, capsys):
    with pytest.raises(SystemExit):
        main([])
    assert f"trial-{study:03}/metrics.json: the file is missing." in (
        capsys.readouterr().err
    )


def test_without_a_study_the_command_says_what_to_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([])
    assert "There is no study yet." in capsys.readouterr().err
