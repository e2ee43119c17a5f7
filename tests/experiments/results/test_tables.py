"""What finished runs reached: gathered over seeds, and shown in the README."""

import dataclasses
import json

import pytest
import yaml

from experiments.results import tables as results
from experiments.results.tables import (
    benchmark_table,
    load_table,
    record,
    results_table,
    update_readme,
)

METRICS = {
    "dataset": "imdb_reviews",
    "split": "test",
    "examples": 25000,
    "unit": "examples",
    "accuracy": 0.9,
    "f1": 0.8,
    "roc_auc": 0.95,
    "parameters": 123456,
    "train_minutes": 2.0,
}
CONFIG = {"data": {"dataset": "imdb_reviews"}, "train": {"seed": 1, "epochs": 3}}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where results are written; the working directory is another, empty one."""
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    (tmp_path / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "results" / "sentiment"


@pytest.fixture(autouse=True)
def recipe_files(recipes):
    """The recipes say what the runs of these tests were trained with."""
    for name in ("small", "large"):
        text = "data: {dataset: imdb_reviews}\ntrain: {epochs: 3}\n"
        (recipes / f"{name}.yaml").write_text(text)


@pytest.fixture
def make_run(tmp_path):
    """Makes a run directory as `evaluate` leaves it."""

    def make(seed, metrics=(), directory=None, **settings):
        count = len(list(tmp_path.iterdir()))
        directory = directory or tmp_path / f"run-{seed}-{count}"
        directory.mkdir(parents=True)
        config = {**CONFIG, "train": {**CONFIG["train"], "seed": seed, **settings}}
        (directory / "config.yaml").write_text(yaml.safe_dump(config))
        (directory / "metrics.json").write_text(json.dumps(METRICS | dict(metrics)))
        return directory

    return make


def recorded(task, runs, recipe="small"):
    return json.loads(record(task, recipe, runs).read_text())


def test_one_run_is_recorded_with_plain_numbers(task, make_run, folder):
    found = recorded(task, [make_run(1)])
    assert found["metrics"] == {"accuracy": 0.9, "f1": 0.8, "roc_auc": 0.95}
    assert found["seeds"] == [1]
    assert [path.name for path in folder.iterdir()] == ["small.json"]


def test_folds_of_a_cross_validation_are_recorded_each(task, make_run, recipes):
    text = "data: {dataset: imdb_reviews, file: anna}\ntrain: {epochs: 3}\n"
    (recipes / "small.yaml").write_text(text)
    plain = make_run(1)
    task = dataclasses.replace(task, fold="file")
    runs = [make_run(1, {"accuracy": a, "examples": 10}) for a in (0.8, 0.9)]
    for run, name in zip(runs, ("anna", "bo"), strict=True):
        config = yaml.safe_load((run / "config.yaml").read_text())
        config["data"]["file"] = name
        (run / "config.yaml").write_text(yaml.safe_dump(config))
    found = recorded(task, runs)
    assert found["metrics"]["accuracy"] == {"mean": 0.85, "std": 0.0707}
    accuracies = {fold: row["accuracy"] for fold, row in found["folds"].items()}
    assert accuracies == {"anna": 0.8, "bo": 0.9}
    assert (found["seeds"], found["examples"]) == ([1], 20)
    assert "for fold in anna bo; do python" in found["command"]
    assert "data.file=$fold" in found["command"]
    assert "| 0.850 ± 0.071 (anna 0.800, bo 0.900) |" in results_table()
    with pytest.raises(ValueError, match="differ in their seed"):
        record(task, "small", [runs[0], runs[0]])
    with pytest.raises(ValueError, match="a run of one seed for each fold"):
        record(task, "small", [*runs, plain])
    with pytest.raises(ValueError, match="other settings than the recipe"):
        record(task, "small", [plain])


def test_runs_of_several_seeds_are_recorded_with_mean_and_standard_deviation(
    task, make_run
):
    values = {1: (0.80, 1.0), 2: (0.82, 2.0), 5: (0.90, 3.6)}
    runs = [
        make_run(seed, {"accuracy": accuracy, "train_minutes": minutes})
        for seed, (accuracy, minutes) in values.items()
    ]
    found = recorded(task, runs)
    # Mean 0.84; deviations -0.04, -0.02, 0.06: the root of 0.0056 / 2.
    assert found["metrics"]["accuracy"] == {"mean": 0.84, "std": 0.0529}
    assert found["metrics"]["f1"] == {"mean": 0.8, "std": 0.0}
    assert found["train_minutes"] == 2.2
    assert found["seeds"] == [1, 2, 5]


def test_a_record_says_all_that_a_reader_asks(task, make_run):
    found = recorded(task, [make_run(1)])
    assert list(found)[:5] == ["task", "recipe", "dataset", "split", "examples"]
    for key in ("task", "recipe"):
        assert found[key] == {"task": "sentiment", "recipe": "small"}[key]
    for key in ("dataset", "split", "examples", "parameters"):
        assert found[key] == METRICS[key]
    assert "tensorflow" in found["versions"]
    assert "core" in found["hardware"]
    assert found["command"].startswith("python -m experiments.sentiment small train ev")


def test_a_record_holds_no_path_of_the_machine(task, make_run, tmp_path):
    assert str(tmp_path) not in record(task, "small", [make_run(1)]).read_text()


def test_a_metric_that_was_not_measured_is_left_out(task, make_run):
    found = recorded(task, [make_run(1, {"roc_auc": None})])
    assert list(found["metrics"]) == ["accuracy", "f1"]


def test_without_a_name_all_seeds_of_the_recipe_are_recorded(task, make_run, tmp_path):
    for seed in (1, 2):
        home = tmp_path / "here" / "runs" / "sentiment" / "small" / f"seed-{seed}"
        make_run(seed, directory=home)
    assert recorded(task, [])["seeds"] == [1, 2]


def test_no_run_at_all_is_refused(task):
    with pytest.raises(ValueError, match="There is no run of small yet"):
        record(task, "small")


def test_a_run_that_is_not_evaluated_is_refused(task, make_run, folder):
    runs = [make_run(1), make_run(2)]
    (runs[1] / "metrics.json").unlink()
    with pytest.raises(ValueError, match=r"has no metrics.json. Evaluate it") as caught:
        record(task, "small", runs)
    assert str(runs[1]) in str(caught.value)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("seeds", "settings"), [((1, 2), {"epochs": 4}), ((1, 1), {})], ids=str
)
def test_runs_that_differ_in_more_or_less_than_their_seed_are_refused(
    seeds, settings, task, make_run, folder
):
    runs = [make_run(seeds[0]), make_run(seeds[1], **settings)]
    with pytest.raises(ValueError, match="differ in their seed and in nothing else"):
        record(task, "small", runs)
    assert not folder.exists()


@pytest.mark.usefixtures("recipes")
def test_a_run_of_another_recipe_is_refused(task, make_run):
    with pytest.raises(ValueError, match="recipe"):
        record(task, "large", [make_run(1, epochs=2)])


def test_the_command_of_several_seeds_can_be_typed(task, make_run):
    assert "|" not in recorded(task, [make_run(1), make_run(2)])["command"]


def test_the_directory_of_the_data_is_a_matter_of_the_machine(
    make_run, recipes, monkeypatch
):
    from experiments import language_modeling

    task = language_modeling.TASK
    monkeypatch.setattr(results, "load_config", _config_of_ptb)
    found = {"perplexity": 90.0, "unit": "tokens"}
    found |= dict.fromkeys(task.headline[1:])
    recorded_result = recorded(task, [make_run(1, found)], "ptb_small")
    assert recorded_result["metrics"] == {"perplexity": 90.0}
    assert "25,000 test tokens" in results_table()


def _config_of_ptb(config_class, path):
    from apps.language_modeling.config import Config, DataConfig

    directory = "" if str(path).endswith("ptb_small.yaml") else "/data/ptb"
    return Config(data=DataConfig(dataset="ptb", directory=directory))


def test_the_table_has_a_row_for_each_metric_of_each_result(task, make_run):
    record(task, "small", [make_run(1)])
    low = make_run(2, {"accuracy": 0.8, "roc_auc": None})
    record(task, "large", [low, make_run(3)])
    head, line, *rows = results_table().splitlines()
    assert len(rows) == 2 + 3
    columns = head.count("|")
    assert all(row.count("|") == columns for row in (line, *rows))
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    assert cells[0] == [
        *("sentiment", "`large`", "imdb_reviews, 25,000 test examples", "accuracy"),
        *("0.850 ± 0.071", "2", "123,456", "2 min"),
    ]
    assert [row[3] for row in cells[2:]] == ["accuracy", "f1", "roc_auc"]
    assert [row[4] for row in cells[2:]] == ["0.900", "0.800", "0.950"]


def test_the_readme_changes_between_its_markers_only(task, make_run, tmp_path):
    record(task, "small", [make_run(1)])
    readme = tmp_path / "README.md"
    before, after = "# Töpfe\n\n", "\n\nThe rest.\n"
    marks = [
        (results.BEGIN.format(name), results.END.format(name))
        for name in ("results", "benchmark", "load")
    ]
    old = "\n\n".join(f"{begin}\nan old table\n{end}" for begin, end in marks)
    readme.write_text(before + old + after, encoding="utf-8")
    tables = (results_table(), benchmark_table(), load_table())
    for _ in range(2):  # a second time changes nothing more
        update_readme(readme)
        new = "\n\n".join(
            f"{begin}\n{table}\n{end}"
            for (begin, end), table in zip(marks, tables, strict=True)
        )
        assert readme.read_text(encoding="utf-8") == before + new + after


def test_the_table_of_the_benchmark_counts_the_faster_mode(tmp_path):
    def row(milliseconds, ratio):
        quartiles = [0.9 * milliseconds, milliseconds, 1.1 * milliseconds]
        return {"milliseconds": quartiles, "ratio": ratio, "share_of_matmul": 0.25}

    rows = {
        "lstm_layer": row(3.0, 1.5),
        "lstm_layer + XLA": row(2.0, 1.0),
        "keras": row(5.0, 2.5),
        "keras + XLA": row(4.0, 2.1),
        "torch": row(1.0, 0.5),
    }
    result = {
        "hardware": "2 cores of a test",
        "date": "2026-01-01",
        "layers": {"forward": {"1x2x3x4": rows}},
        "fit": {"sentiment": {n: {**rows[n]} for n in ("lstm_layer", "keras")}},
        "peak_megabytes": {"1x2x3x4": {"lstm_layer": 10, "keras": 20}},
    }
    path = tmp_path / "benchmark.json"
    path.write_text(json.dumps(result))
    lines = benchmark_table(path).splitlines()
    cells = [cell.strip() for cell in lines[2].split("|")[1:-1]]
    assert cells == ["1x2x3x4", "forward", "2", "2.10", "0.50", "0.25"]
    cells = [cell.strip() for cell in lines[3].split("|")[1:-1]]
    assert cells == ["the model of sentiment", "training step", "3", "2.50", "", "0.25"]
    assert "1x2x3x4: 10 MB, Keras 20 MB" in lines[-1]


def test_the_table_of_the_load_has_a_row_for_each_number_of_clients(tmp_path):
    def row(rate, p99):
        times = {"p50_ms": p99 / 4, "p95_ms": p99 / 2, "p99_ms": p99}
        return {"requests_per_second": rate, "failed": 0, **times}

    rows = {"joined": row(900.4, 20.0), "one by one": row(300.2, 80.0), "ratio": 3.0}
    result = {
        "load": {"sentiment": {"8": rows, "32": rows}},
        "hardware": "2 cores of a test",
        "date": "2026-01-01",
    }
    path = tmp_path / "load.json"
    path.write_text(json.dumps(result))
    lines = load_table(path).splitlines()
    cells = [cell.strip() for cell in lines[3].split("|")[1:-1]]
    assert cells == [
        "sentiment",
        "32",
        "900",
        "5.0",
        "10.0",
        "20.0",
        "300",
        "80.0",
        "3.00",
    ]
    assert lines[-1] == "Measured on 2 cores of a test, 2026-01-01."
    soak = {"app": "sentiment", "clients": 32, "minutes": 10, "versions": 10}
    soak |= {"answered": 1234567, "failed": 0, "p99_ms": 41.2}
    soak |= {"megabytes_by_minute": [900, 910, 912, 911]}
    path.write_text(json.dumps({**result, "soak": soak}))
    said = load_table(path).splitlines()[-1]
    assert "1,234,567 answers, 0 failures, memory by minute 900, 910" in said


def test_the_readme_of_the_project_has_the_markers():
    text = results.README.read_text(encoding="utf-8")
    for name in ("results", "benchmark", "load"):
        begin, end = results.BEGIN.format(name), results.END.format(name)
        assert text.count(begin) == text.count(end) == 1
        assert text.index(begin) < text.index(end)
