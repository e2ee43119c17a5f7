"""The verb record: gathers metrics over seeds and folds, and shows them in a table."""

import dataclasses
import json

import pytest
import yaml

from experiments import record as record_module
from experiments.record import record, recorded_table

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
CONFIG = {
    "data": {"dataset": "imdb_reviews", "token_rules": 2},
    "train": {"seed": 1, "epochs": 3},
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Directory of the results; the working directory is another, empty one."""
    monkeypatch.setattr(record_module, "RESULT", tmp_path / "results")
    (tmp_path / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "results" / "sentiment"


@pytest.fixture(autouse=True)
def recipe_files(recipes):
    """Gives the recipes the settings of the runs of these tests."""
    for name in ("small", "large"):
        text = "data: {dataset: imdb_reviews}\ntrain: {epochs: 3}\n"
        (recipes / f"{name}.yaml").write_text(text)


@pytest.fixture
def make_run(tmp_path):
    """Makes run directories in the state after `evaluate`."""

    def make(seed, metrics=(), directory=None, **settings):
        count = len(list(tmp_path.iterdir()))
        directory = directory or tmp_path / f"run-{seed}-{count}"
        directory.mkdir(parents=True)
        config = {**CONFIG, "train": {**CONFIG["train"], "seed": seed, **settings}}
        (directory / "config.yaml").write_text(yaml.safe_dump(config))
        (directory / "metrics.json").write_text(json.dumps(METRICS | dict(metrics)))
        return directory

    return make


def record_json(task, runs, recipe="small"):
    return json.loads(record(task, recipe, runs).read_text())


def test_a_baseline_and_intervals_are_recorded_if_a_run_has_them(task, make_run):
    assert not {"baseline", "intervals"} & set(record_json(task, [make_run(1)]))
    measured = {
        "baseline": {"name": "TF-IDF", "accuracy": 0.70001, "f1": 0.5},
        "intervals": {"accuracy": [0.88001, 0.92], "nats": [1.0, 2.0]},
    }
    result = record_json(task, [make_run(2, measured)])
    assert result["baseline"] == {"name": "TF-IDF", "accuracy": 0.7, "f1": 0.5}
    assert result["intervals"] == {"accuracy": [0.88, 0.92]}
    other = {"baseline": {"name": "TF-IDF", "accuracy": 0.8, "f1": 0.5}}
    result = record_json(task, [make_run(3, measured), make_run(4, other)])
    assert result["baseline"]["accuracy"] == pytest.approx(0.75)
    assert "intervals" not in result
    result = record_json(task, [make_run(5, {"baseline": None}), make_run(6, other)])
    assert "baseline" not in result


def test_one_run_is_recorded_with_plain_numbers(task, make_run, folder):
    result = record_json(task, [make_run(1)])
    assert result["metrics"] == {"accuracy": 0.9, "f1": 0.8, "roc_auc": 0.95}
    assert result["seeds"] == [1]
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
    result = record_json(task, runs)
    assert result["metrics"]["accuracy"] == {"mean": 0.85, "std": 0.0707}
    accuracies = {fold: row["accuracy"] for fold, row in result["folds"].items()}
    assert accuracies == {"anna": 0.8, "bo": 0.9}
    assert (result["seeds"], result["examples"]) == ([1], 20)
    assert "for fold in anna bo; do python" in result["command"]
    assert "data.file=$fold" in result["command"]
    assert "| accuracy 0.850 ± 0.071 (anna 0.800, bo 0.900), " in recorded_table()
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
    result = record_json(task, runs)
    # Mean 0.84; deviations -0.04, -0.02, 0.06: the root of 0.0056 / 2.
    assert result["metrics"]["accuracy"] == {"mean": 0.84, "std": 0.0529}
    assert result["metrics"]["f1"] == {"mean": 0.8, "std": 0.0}
    assert result["train_minutes"] == 2.2
    assert result["seeds"] == [1, 2, 5]


def test_a_record_says_all_that_a_reader_asks(task, make_run):
    result = record_json(task, [make_run(1)])
    assert list(result)[:5] == ["task", "recipe", "dataset", "split", "examples"]
    for key in ("task", "recipe"):
        assert result[key] == {"task": "sentiment", "recipe": "small"}[key]
    for key in ("dataset", "split", "examples", "parameters"):
        assert result[key] == METRICS[key]
    assert "tensorflow" in result["versions"]
    assert "core" in result["hardware"]
    assert result["command"].startswith(
        "python -m experiments.sentiment small train ev"
    )


def test_a_record_holds_no_path_of_the_machine(task, make_run, tmp_path):
    assert str(tmp_path) not in record(task, "small", [make_run(1)]).read_text()


def test_a_metric_that_was_not_measured_is_left_out(task, make_run):
    result = record_json(task, [make_run(1, {"roc_auc": None})])
    assert list(result["metrics"]) == ["accuracy", "f1"]


def test_without_a_name_all_seeds_of_the_recipe_are_recorded(task, make_run, tmp_path):
    for seed in (1, 2):
        home = tmp_path / "here" / "runs" / "sentiment" / "small" / f"seed-{seed}"
        make_run(seed, directory=home)
    assert record_json(task, [])["seeds"] == [1, 2]


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
    assert "|" not in record_json(task, [make_run(1), make_run(2)])["command"]


def test_the_directory_of_the_data_is_a_matter_of_the_machine(
    make_run, recipes, monkeypatch
):
    from experiments import language_modeling

    task = language_modeling.TASK
    for name in ("load_config", "load_run_config"):
        monkeypatch.setattr(record_module, name, _config_of_ptb)
    metrics = {"perplexity": 90.0, "unit": "tokens"}
    metrics |= dict.fromkeys(task.headline[1:])
    result = record_json(task, [make_run(1, metrics)], "ptb_small")
    assert result["metrics"] == {"perplexity": 90.0}
    assert "25,000 test tokens" in recorded_table()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_a_run_chose_for_a_setting_of_auto_is_the_recipe(
    make_run, recipes, monkeypatch, dtype
):
    from apps.language_modeling.config import Config, ModelConfig
    from experiments import language_modeling

    def config_of(config_class, path):
        is_recipe = str(path).endswith("ptb_small.yaml")
        return Config(model=ModelConfig(softmax_dtype="auto" if is_recipe else dtype))

    task = language_modeling.TASK
    for name in ("load_config", "load_run_config"):
        monkeypatch.setattr(record_module, name, config_of)
    metrics = {"perplexity": 90.0, "unit": "tokens"}
    metrics |= dict.fromkeys(task.headline[1:])
    result = record_json(task, [make_run(1, metrics)], "ptb_small")
    assert result["metrics"] == {"perplexity": 90.0}


def test_a_run_with_other_rules_for_tokens_is_not_the_recipe(task, make_run):
    run = make_run(1)
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("  token_rules: 2\n", ""))
    with pytest.raises(ValueError, match="other settings than the recipe small"):
        record(task, "small", [run])


def _config_of_ptb(config_class, path):
    from apps.language_modeling.config import Config, DataConfig

    directory = "" if str(path).endswith("ptb_small.yaml") else "/data/ptb"
    return Config(data=DataConfig(dataset="ptb", directory=directory))


def test_the_table_has_a_row_for_each_metric_of_each_result(task, make_run):
    record(task, "small", [make_run(1)])
    low = make_run(2, {"accuracy": 0.8, "roc_auc": None})
    record(task, "large", [low, make_run(3)])
    title, _, head, line, *rows = recorded_table().splitlines()
    assert title == "## sentiment"
    assert len(rows) == 2
    columns = head.count("|")
    assert all(row.count("|") == columns for row in (line, *rows))
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    assert cells[0] == [
        "`large`: imdb_reviews, 25,000 test examples",
        *("accuracy 0.850 ± 0.071, f1 0.800 ± 0.000", "", ""),
        "123,456 parameters, 2 min, mean of 2 seeds",
    ]
    assert cells[1][1] == "accuracy 0.900, f1 0.800, roc_auc 0.950"
    assert cells[1][4] == "123,456 parameters, 2 min"


def test_each_task_has_a_table(task, make_run):
    path = record(task, "small", [make_run(1)])
    other = path.parents[1] / "spelling" / "small.json"
    other.parent.mkdir()
    other.write_text(path.read_text().replace('"sentiment"', '"spelling"'))
    lines = recorded_table().splitlines()
    titles = [line for line in lines if line.startswith("#")]
    assert titles == ["## sentiment", "## spelling"]
    assert sum("`small`" in line for line in lines) == 2


def test_a_row_has_the_baseline_and_the_published_figures(task, make_run, monkeypatch):
    monkeypatch.setattr(
        record_module, "published_figures", lambda *names: [*names, "95 %, other"]
    )
    baseline = {"name": "words counted", "accuracy": 0.7, "f1": 0.6}
    record(task, "small", [make_run(1, {"baseline": baseline})])
    cells = [cell.strip() for cell in recorded_table().splitlines()[-1].split("|")]
    assert cells[3:5] == ["0.700, words counted", "sentiment; small; 95 %, other"]
