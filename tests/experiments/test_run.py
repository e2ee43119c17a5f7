"""The command line: how it parses words, and how it reports mistakes."""

import dataclasses
import io
import json
from pathlib import Path

import pytest

from apps.common.config import load_config
from apps.common.training.runs import open_run
from apps.sentiment.config import Config, DataConfig
from experiments.closing import metric_rows
from experiments.request import DEFAULT_VERBS, VERBS, parse
from experiments.run import main
from experiments.task import run_directory

pytestmark = pytest.mark.usefixtures("recipes")


def request_of(task, *words):
    request = parse(task, words)
    return (
        request.recipe,
        request.verbs,
        request.overrides,
        request.run_directory,
        request.words,
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ("small", DEFAULT_VERBS, [], None, [])),
        (["large"], ("large", DEFAULT_VERBS, [], None, [])),
        (["train"], ("small", ["train"], [], None, [])),
        (["export", "train", "train"], ("small", ["train", "export"], [], None, [])),
        (
            ["train.seed=2", "tiny", "evaluate", "data.file=a=b.csv"],
            ("tiny", ["evaluate"], ["train.seed=2", "data.file=a=b.csv"], None, []),
        ),
        (
            ["run_directory=here/x=1", "large"],
            ("large", DEFAULT_VERBS, [], Path("here/x=1"), []),
        ),
        (
            ["tiny", "predict", "train", "a=b", "large"],
            ("tiny", ["predict"], [], None, ["train", "a=b", "large"]),
        ),
        (["train", "predict"], ("small", ["train", "predict"], [], None, [])),
        (
            ["large", "record", "runs/a", "runs/b"],
            ("large", ["record"], [], None, ["runs/a", "runs/b"]),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_words_are_recipe_verbs_settings_and_input(words, expected, task):
    assert request_of(task, *words) == expected


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("lareg", " Did you mean 'large'?"),
        ("trian", " Did you mean 'train'?"),
        ("evaluat", " Did you mean 'evaluate'?"),
        ("zzz", ""),
    ],
)
def test_an_unknown_word_is_refused_with_all_that_is_known(word, hint, task):
    with pytest.raises(ValueError, match="is no recipe, verb or section") as caught:
        parse(task, ["tiny", word])
    assert str(caught.value) == (
        f"{word!r} is no recipe, verb or section.key=value.{hint} "
        f"Recipes: small, large, tiny. Verbs: {', '.join(VERBS)}."
    )


def test_a_second_recipe_is_refused(task):
    with pytest.raises(ValueError, match="'large' is no recipe, verb or section"):
        parse(task, ["small", "large"])


def test_a_run_directory_may_be_given_after_predict(task, verbs, tmp_path):
    (tmp_path / "new.txt").write_text("A joy.\n")
    file = str(tmp_path / "new.txt")
    main(task, ["tiny", "predict", "run_directory=runs/my-reviews", "--file", file])
    assert verbs == [("predict", Path("runs/my-reviews"), ["A joy."])]


def test_options_may_stand_between_words(task, verbs, tmp_path):
    (tmp_path / "new.txt").write_text("A joy.\n")
    file = str(tmp_path / "new.txt")
    main(task, ["tiny", "predict", "--file", file, "run_directory=runs/my-reviews"])
    assert verbs == [("predict", Path("runs/my-reviews"), ["A joy."])]


def test_a_recipe_may_be_given_by_the_path_of_its_file(task, verbs, tmp_path):
    (tmp_path / "my.own.yaml").write_text("train: {epochs: 3}\n")
    main(task, [str(tmp_path / "my.own.yaml"), "train", "train.seed=4"])
    [(_, config, directory)] = verbs
    assert (config.train.epochs, config.train.seed) == (3, 4)
    assert directory == Path("runs/sentiment/my.own/seed-4")


def test_a_recipe_without_a_name_is_not_recorded(task, recipes, capsys):
    with pytest.raises(SystemExit) as ended:
        main(task, [str(recipes / "large.yaml"), "record", "runs/a"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"Error: {recipes}/large.yaml: record expects the name of a recipe. Copy the "
        f"file to {recipes}.\n"
    )


def test_several_workers_do_not_tune(task, monkeypatch, capsys):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}}
    worker = {"task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster | worker))
    with pytest.raises(SystemExit) as ended:
        main(task, ["tune"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "Error: tune runs in one process alone. Unset TF_CONFIG and "
        "SLURM_STEP_NUM_TASKS.\n"
    )


def test_without_a_verb_a_recipe_is_trained_measured_and_exported(task, verbs):
    main(task, ["large", "train.seed=3"])
    directory = Path("runs/sentiment/large/seed-3")
    (_, config, trained), *rest = verbs
    assert (config.train.epochs, config.train.seed) == (9, 3)
    assert trained == directory
    assert rest == [("evaluate", directory), ("export", directory)]


def test_verbs_run_in_the_order_in_which_they_need_each_other(task, verbs):
    main(task, ["predict", "A joy."])
    main(task, ["export", "train"])
    assert [call[0] for call in verbs] == ["predict", "train", "export"]


@pytest.mark.parametrize("last", ["predict", "explain"])
def test_the_verbs_of_one_command_share_a_predictor_made_after_training(
    last, task, verbs, monkeypatch
):
    own = type(task).predictor

    def loaded(self, directory):
        verbs.append(("load", directory))
        return own(self, directory)

    monkeypatch.setattr(type(task), "predictor", loaded)
    main(task, ["train", "evaluate", "export", last, "A joy."])
    names = [call[0] for call in verbs]
    assert names[:3] == ["train", "load", "evaluate"]
    assert sorted(names[3:]) == sorted(["export", last])


@pytest.mark.parametrize("words", [["train"], ["train", "record", "runs/a"]])
def test_a_command_that_asks_no_model_makes_no_predictor(
    words, task, verbs, monkeypatch
):
    monkeypatch.setattr(type(task), "predictor", None)
    monkeypatch.setattr("experiments.run.record", lambda *_: "recorded.json")
    main(task, words)
    assert [call[0] for call in verbs] == ["train"]


def test_a_run_directory_is_named_after_task_recipe_and_seed(task):
    expected = Path("runs", "sentiment", "tiny", f"seed-{Config().train.seed}")
    assert run_directory(task, "tiny", Config()) == expected


def test_a_run_directory_has_the_fold_in_its_name(task):
    task = dataclasses.replace(task, fold="file")
    config = Config(data=DataConfig(file="anna"))
    expected = Path("runs", "sentiment", "tiny", "seed-1-anna")
    assert run_directory(task, "tiny", config) == expected
    assert run_directory(task, "tiny", Config()) == expected.with_name("seed-1")


def test_a_run_directory_of_the_users_own_is_used(task, verbs, tmp_path):
    main(task, ["tiny", "evaluate", f"run_directory={tmp_path / 'mine'}"])
    assert verbs == [("evaluate", tmp_path / "mine")]


def test_the_closing_table_says_what_was_reached_and_where_it_lies(task, verbs, capsys):
    main(task, ["evaluate", "export"])
    table = capsys.readouterr().out.split("\n\n")[-1].splitlines()
    assert [row.split(None, 1) for row in table] == [
        ["data", "imdb, test split"],
        ["accuracy", "0.7500"],
        ["f1", "0.5000"],
        ["training", "1.2 minutes"],
        ["exported", "runs/sentiment/small/seed-1/export/sentiment/1"],
        ["run", "runs/sentiment/small/seed-1"],
    ]


def test_the_closing_table_shows_a_metric_of_zero(task, verbs, monkeypatch, capsys):
    zero = {"dataset": "a", "split": "test", "train_minutes": 1, "f1": None}
    function = type(task).function

    def replaced(self, verb):
        return lambda predictor: {**zero, "accuracy": 0.0, "roc_auc": None}

    monkeypatch.setattr(type(task), "function", replaced)
    main(task, ["evaluate"])
    monkeypatch.setattr(type(task), "function", function)
    assert "accuracy" in capsys.readouterr().out


def test_the_closing_table_has_intervals_baseline_calibration_and_weak_labels(
    task, monkeypatch, capsys
):
    f1 = {"good": 0.9, "bad": 0.2, "odd": 0.375}
    metrics = {
        **{"dataset": "a", "split": "test", "train_minutes": 1},
        **{"accuracy": 0.75, "f1": 0.5, "roc_auc": None},
        "by_label": {name: {"f1": x, "examples": 3} for name, x in f1.items()},
        "calibration": {"error": 0.0625, "bins": []},
        "intervals": {"accuracy": [0.6, 0.9]},
        "baseline": {"name": "TF-IDF", "accuracy": 0.7, "f1": 0.4, "roc_auc": 0.8},
    }
    monkeypatch.setattr(type(task), "function", lambda *_: lambda _: metrics)
    monkeypatch.setattr(type(task), "predictor", lambda *_: None)
    main(task, ["evaluate"])
    table = capsys.readouterr().out.split("\n\n")[-1].splitlines()
    assert [row.split("  ", 2)[1:] for row in table[1:-2]] == [
        ["accuracy", "         0.7500  (95 %: 0.6000 to 0.9000)"],
        ["f1", "               0.5000"],
        ["baseline", "         accuracy 0.7000, f1 0.4000  (TF-IDF)"],
        ["calibration error", "0.0625"],
        ["weak labels, f1", "  bad 0.2000, odd 0.3750"],
    ]


def test_at_most_five_weak_labels_are_named_and_the_others_counted(task):
    rows = {f"w{n}": {"f1": n / 100, "examples": 1} for n in range(7)}
    metrics = {"accuracy": 1.0, "f1": 0.5, "by_label": rows}
    name, text = metric_rows(task, metrics)[-1]
    assert name == "weak labels, f1"
    assert text.startswith("w0 0.0000, w1")
    assert text.endswith("w4 0.0400, and 2 more in metrics.json")


def test_a_run_without_a_baseline_has_no_row_of_it(task):
    metrics = {"accuracy": 0.5, "f1": 0.5, "baseline": None, "intervals": {}}
    assert metric_rows(task, metrics) == [("accuracy", "0.5000"), ("f1", "0.5000")]


INPUTS = ["A joy.", "", "Ein Fest! 😀"]


def test_inputs_are_the_words_after_predict(task, verbs, capsys):
    main(task, ["tiny", "predict", *INPUTS])
    assert verbs == [("predict", Path("runs/sentiment/tiny/seed-1"), INPUTS)]
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == INPUTS
    assert "😀" in lines[2]


def test_inputs_are_the_lines_of_a_file(task, verbs, tmp_path, capsys):
    (tmp_path / "new.txt").write_text("\n".join(INPUTS), encoding="utf-8")
    with pytest.raises(SystemExit):
        main(task, ["predict", "--file", str(tmp_path / "new.txt")])
    assert verbs[0][2] == [text for text in INPUTS if text]
    assert "new.txt:2" in capsys.readouterr().err


def test_inputs_are_the_lines_of_standard_input(task, verbs, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(INPUTS)))
    main(task, ["predict"])
    assert verbs[0][2] == INPUTS


def test_a_line_ends_where_editors_end_it(task, verbs, tmp_path):
    (tmp_path / "new.txt").write_text("one\u2028line\nanother\n", encoding="utf-8")
    main(task, ["predict", "--file", str(tmp_path / "new.txt")])
    assert verbs[0][2] == ["one\u2028line", "another"]


def test_a_word_that_is_not_utf8_is_answered(task, verbs, monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr("sys.stdout", output)
    main(task, ["predict", "caf\udce9"])
    output.flush()
    assert b"caf" in output.buffer.getvalue()


MISTAKES = {
    "an unknown recipe": (["imbd"], "'imbd' is no recipe, verb or"),
    "an unknown verb": (["tiny", "trian"], "Did you mean 'train'?"),
    "an unknown section": (["trian.epochs=3"], "expected section.key=value"),
    "an unknown key": (
        ["train.epoch=3"],
        "'epoch'. Did you mean 'epochs'?",
    ),
    "a wrong type": (["train.epochs=x"], "command line: train: epochs: input should"),
    "inputs twice": (
        ["predict", "A joy.", "--file", "x"],
        "inputs or --file, not both",
    ),
    "inputs twice to explain": (
        ["explain", "A joy.", "--file", "x"],
        "inputs or --file, not both",
    ),
    "a file without predict": (["train", "--file", "x"], "--file goes with the verb"),
    "a file for the default verbs": (["--file", "x"], "--file goes with the verb"),
    "a run that is not there": (["evaluate"], "is not a run: it has no config.yaml"),
    "no run to predict with": (["predict", "A joy."], "is not a run: it has no config"),
    "no run to export": (["export"], "is not a run: it has no config.yaml"),
    "no file of one's own": (
        ["tiny", "train"],
        "data.file: expected the path of",
    ),
    "a file that is not there": (
        ["tiny", "train", "data.file=none.csv"],
        "none.csv: there is no such file.",
    ),
    "nothing to record": (["record"], "There is no run of small yet."),
    "another verb beside tune": (
        ["tune", "evaluate"],
        "tune: expected no other verb. Received: evaluate, tune.",
    ),
    "minutes of another verb": (["train", "--minutes", "5"], "--minutes goes with the"),
    "no minutes": (
        ["tune", "--minutes", "0"],
        "--minutes: expected more than 0. Received: 0.",
    ),
    "a file of a recipe that is not there": (
        ["none.yaml", "train"],
        "none.yaml: there is no such recipe file.",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_ends_with_code_2_and_one_line(case, task, capsys):
    words, expected = MISTAKES[case]
    with pytest.raises(SystemExit) as ended:
        main(task, words)
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert error.startswith("Error: ")
    assert expected in error
    assert len(error.splitlines()) == 1
    assert "Traceback" not in error


def test_a_file_of_inputs_that_is_not_utf8_is_named(task, verbs, tmp_path, capsys):
    (tmp_path / "old.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(SystemExit):
        main(task, ["predict", "--file", str(tmp_path / "old.txt")])
    error = capsys.readouterr().err
    assert error.startswith(f"Error: {tmp_path / 'old.txt'}:1: not UTF-8.")
    assert error.count("\n") == 1


def test_empty_input_is_refused(task, verbs, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(SystemExit) as ended:
        main(task, ["predict"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("Error: No input.")


def test_a_setting_that_is_not_yaml_ends_with_code_2(task, capsys):
    with pytest.raises(SystemExit) as ended:
        main(task, ["train", "data.file=[a.csv"])
    assert ended.value.code == 2


def test_a_mended_path_trains_where_the_wrong_one_failed(task, recipes):
    with pytest.raises(SystemExit):
        main(task, ["tiny", "train", "data.file=reveiws.csv"])
    mended = load_config(Config, recipes / "tiny.yaml", ["data.file=reviews.csv"])
    with open_run("runs/sentiment/tiny/seed-1", mended) as run:
        assert not run.finished


def test_evaluate_and_export_refuse_settings_that_the_run_has_not(
    task, recipes, verbs, capsys
):
    config = load_config(Config, recipes / "tiny.yaml", ["data.file=reviews.csv"])
    with open_run("runs/sentiment/tiny/seed-1", config):
        pass
    for verb in ("evaluate", "export"):
        main(task, ["tiny", verb, "data.file=reviews.csv"])  # as the run has it
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(task, ["tiny", verb, "train.batch_size=7"])
        assert ended.value.code == 2
        assert capsys.readouterr().err == (
            "Error: runs/sentiment/tiny/seed-1 keeps the settings that it was trained "
            f"with: train.batch_size was {config.train.batch_size} and is now 7. Leave "
            "the setting out, or train with it into another run_directory=...\n"
        )


def test_a_full_disk_ends_with_code_1_and_one_line(
    task, monkeypatch, capsys, reviews_csv
):
    def full(source, destination):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(SystemExit) as ended:
        main(task, ["tiny", "train", f"data.file={reviews_csv}"])
    error = capsys.readouterr().err
    assert ended.value.code == 1
    assert error == "Error: [Errno 28] No space left on device\n"
    assert list(Path("runs/sentiment/tiny/seed-1").iterdir()) == []


def test_the_help_teaches_recipes_verbs_and_settings(task, capsys):
    with pytest.raises(SystemExit) as ended:
        main(task, ["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "Is a text good or bad?" in text
    assert text.index("\n  small") < text.index("\n  large") < text.index("\n  tiny")
    assert "Small and quick." in text
    assert "Large and slow." in text
    for verb, meaning in VERBS.items():
        assert f"{verb} {meaning}" in " ".join(text.split())
    assert "section.key=value" in text
    assert "python -m experiments.sentiment predict 'Good?'" in text
    assert "predict --file a.csv --output b.csv" in text
