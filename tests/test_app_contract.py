"""The five apps have the same files, verbs, imports and run directories."""

import importlib
import inspect
import json
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from fastapi.testclient import TestClient

from apps.common.portable.versions import newest_version
from apps.common.predictor import Predictor
from experiments.request import VERBS
from experiments.task import RECIPES
from experiments.tasks import TASKS
from lstm_layer.gates import NAMES
from serving.application import create_app
from serving.models import Models, find_models

ROOT = Path(__file__).parents[1]
APPS = sorted(
    path.name
    for path in (ROOT / "apps").iterdir()
    if (path / "__init__.py").exists() and path.name != "common"
)
FILES = ["config", "data", "model", "train", "predict", "evaluate", "explain", "export"]
# Arguments that depend on the data, not on the recipe.
WIRED = {"vocabulary_size", "num_classes", "trained_tokens", "mel_bands"}

# For each app: the fixture with a finished run; inputs for the served model; the names
# of its outputs.
SERVED = {
    "language_modeling": (
        "finished_language_run",
        ["a warm film", ""],
        {"tokens", "log_probability", "perplexity", "token_log_probabilities"},
    ),
    "sentiment": ("finished_run", ["a warm film", ""], {"label", "probabilities"}),
    "speech_commands": (
        "finished_speech_run",
        "sound_files",
        {"label", "probabilities"},
    ),
    "question_answering": (
        "finished_question_run",
        [
            {"context": "Mary went to the garden.", "question": "Where is Mary?"},
            {"context": "", "question": ""},
        ],
        {"answer", "score"},
    ),
    "summarization": (
        "finished_summarization_run",
        ["In the town lived zeb, who was a king.", ""],
        {"summary", "score"},
    ),
}


def inputs_of(app, request):
    """Returns the inputs of the served model, and the same inputs for `predict`."""
    inputs = SERVED[app][1]
    if isinstance(inputs, list) and isinstance(inputs[0], dict):
        return inputs, [" ||| ".join(row.values()) for row in inputs]
    if isinstance(inputs, list):
        return inputs, inputs
    from apps.common.portable.audio import read_audio

    files = request.getfixturevalue(inputs)
    return [read_audio(file, 8000).tolist() for file in files], files


def test_there_is_a_task_for_every_app():
    assert sorted(TASKS) == APPS
    assert sorted(SERVED) == APPS


@pytest.mark.parametrize("app", APPS)
class TestApp:
    def test_it_has_the_eight_files(self, app):
        assert {path.stem for path in (ROOT / "apps" / app).glob("*.py")} >= set(FILES)

    def test_it_has_the_verbs(self, app):
        for verb in ("train", "evaluate", "explain", "export", "load_data"):
            module = {"load_data": "data"}.get(verb, verb)
            assert callable(
                getattr(importlib.import_module(f"apps.{app}.{module}"), verb)
            )

    def test_its_predictor_has_what_every_predictor_has(self, app, request):
        run = request.getfixturevalue(SERVED[app][0])
        predictor_class = importlib.import_module(f"apps.{app}.predict").Predictor
        assert issubclass(predictor_class, Predictor)
        predictor = predictor_class.load(run)
        assert (predictor.name, predictor.directory) == (app, run)
        assert isinstance(predictor.config, TASKS[app].config_class())
        signatures = predictor.signatures()
        assert signatures["serving_default"] is predictor.answer
        assert signatures["gates"] is predictor.gates
        assert list(inspect.signature(predictor.predict).parameters)[1:] == []

    @pytest.mark.slow
    def test_its_functions_belong_to_no_graph_in_which_they_are_asked_for(
        self, app, request
    ):
        """A function may call another one while it is traced; the test traces each."""
        predictor = TASKS[app].predictor(request.getfixturevalue(SERVED[app][0]))
        functions = {}
        collect = tf.function(lambda: functions.update(predictor.signatures()))
        collect.get_concrete_function()
        for function in functions.values():
            function.get_concrete_function()

    def test_its_model_settings_are_the_arguments_of_build_model(self, app):
        config = importlib.import_module(f"apps.{app}.config")
        build_model = importlib.import_module(f"apps.{app}.model").build_model
        arguments = inspect.signature(build_model).parameters
        settings = {f.name for f in fields(config.ModelConfig)} - {"pretrained"}
        assert settings == set(arguments) - WIRED
        assert all(a.default is inspect.Parameter.empty for a in arguments.values())

    def test_its_command_line_lists_every_recipe_and_verb(self, app, capsys):
        script = importlib.import_module(f"experiments.{app}")
        with pytest.raises(SystemExit) as ended:
            script.main(script.TASK, ["--help"])
        shown = capsys.readouterr().out
        assert ended.value.code == 0
        recipes = [path.stem for path in (RECIPES / app).glob("*.yaml")]
        assert script.TASK.default_recipe in recipes
        for name in [*recipes, *VERBS]:
            assert name in shown

    def test_its_run_directory_says_it_all(self, app, request):
        run = request.getfixturevalue(SERVED[app][0])
        names = {path.name for path in run.iterdir()}
        assert names >= {
            *("config.yaml", "model.keras", "history.csv", "logs", "metrics.json"),
            *("learning.png", "export"),
        }
        config = importlib.import_module(f"apps.{app}.config")
        written = yaml.safe_load((run / "config.yaml").read_text())
        for section, section_class in (
            ("data", config.DataConfig),
            ("model", config.ModelConfig),
            ("train", config.TrainConfig),
        ):
            assert set(written[section]) == {f.name for f in fields(section_class)}
        metrics = json.loads((run / "metrics.json").read_text())
        headline = TASKS[app].headline
        assert set(metrics) >= {
            *("dataset", "split", "examples", "unit", "parameters", "train_minutes"),
            *headline,
        }
        name, *measured = metrics["baseline"]
        assert name == "name"
        assert set(measured) <= set(headline)
        assert set(metrics["intervals"]) <= set(headline)
        low, high = metrics["intervals"][headline[0]]
        assert low <= metrics[headline[0]] <= high

    def test_a_run_that_names_no_version_has_the_first_rules_for_tokens(
        self, app, request, tmp_path
    ):
        run = request.getfixturevalue(SERVED[app][0])
        shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("export"))
        path = tmp_path / "run" / "config.yaml"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "token_rules" not in line))
        if app != "speech_commands":
            old, new = map(TASKS[app].predictor, (path.parent, run))
            assert (old.vocabulary.rules, new.vocabulary.rules) == (1, 2)
            assert old.config.data == replace(new.config.data, token_rules=1)

    def test_a_vocabulary_is_counted_by_the_rules_of_the_recipe(self, app, request):
        if app != "speech_commands":
            run = request.getfixturevalue(SERVED[app][0])
            config = TASKS[app].predictor(run).config.data
            load_data = importlib.import_module(f"apps.{app}.data").load_data
            for rules in (1, 2):
                data = load_data(replace(config, token_rules=rules), ("train",))
                assert data.vocabulary.rules == rules

    @pytest.mark.slow
    def test_its_gates_are_drawn_and_served(self, app, request):
        fixture, *_ = SERVED[app]
        inputs, own_inputs = inputs_of(app, request)
        run = request.getfixturevalue(fixture)
        explain = importlib.import_module(f"apps.{app}.explain").explain
        pages = explain(TASKS[app].predictor(run), own_inputs)
        assert len(set(pages)) == len(own_inputs)
        for page in pages:
            assert page.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
            assert '"title": "forget gate f"' in page.read_text()
        exported = newest_version(run / "export" / app)
        gates = tf.saved_model.load(exported).signatures["gates"]
        if isinstance(inputs[0], dict):
            columns = {name: [row[name] for row in inputs] for name in inputs[0]}
            outputs = gates(**{name: tf.constant(x) for name, x in columns.items()})
        else:
            outputs = gates(tf.constant(inputs))
        layers = {key[:-7] for key in outputs if key.endswith("_tokens")}
        assert layers
        for layer in layers:
            f, *_, c, o, h = (outputs[f"{layer}_{name}"] for name in NAMES)
            timesteps = outputs[f"{layer}_tokens"].shape[1]
            assert tuple(f.shape[:2]) == (len(inputs), timesteps)
            np.testing.assert_allclose(h, o * np.tanh(c), atol=1e-5)

    def test_its_export_answers_over_http_as_the_run_does(self, app, request):
        fixture, _, names = SERVED[app]
        inputs, own_inputs = inputs_of(app, request)
        run = request.getfixturevalue(fixture)
        models = Models(lambda: find_models([run / "export"]))
        models.refresh()
        assert [model.name for model in models] == [app]
        with TestClient(create_app(models)) as client:
            path = f"/v1/models/{app}:predict"
            answer = client.post(path, json={"instances": inputs})
        assert answer.status_code == 200
        served = answer.json()["predictions"]
        assert all(set(row) == names for row in served)
        answers = TASKS[app].predictor(run).predict(own_inputs)
        for row, expected in zip(served, answers, strict=True):
            for name in names:
                value = expected[name]
                if isinstance(value, dict):
                    value = list(value.values())
                if isinstance(value, list):  # a batch pads lists of different lengths
                    value = [*value, *[0.0] * (len(row[name]) - len(value))]
                if not isinstance(value, str):
                    value = pytest.approx(value, abs=1e-4, rel=1e-4)
                assert row[name] == value


@pytest.mark.slow
def test_a_run_named_by_a_relative_path_is_exported(
    finished_run, tmp_path, monkeypatch
):
    """`python -m experiments` uses relative paths for all apps: test_processes.py."""
    names = shutil.ignore_patterns("export", "logs", "*.npz")
    shutil.copytree(finished_run, tmp_path / "run", ignore=names)
    monkeypatch.chdir(tmp_path)
    export = importlib.import_module("apps.sentiment.export").export
    assert (export(TASKS["sentiment"].predictor("run")) / "saved_model.pb").exists()


def test_a_fresh_process_answers_for_a_run_of_each_app(request):
    """One process runs the commands of all apps, one line each."""
    program, expected = ["from importlib import import_module"], 0
    for app in APPS:
        run = request.getfixturevalue(SERVED[app][0])
        _, inputs = inputs_of(app, request)
        words = [f"run_directory={run}", "predict", *map(str, inputs)]
        program.append(f"app = import_module('experiments.{app}')")
        program.append(f"app.main(app.TASK, {words!r})")
        expected += len(inputs)
    command = [sys.executable, "-c", "\n".join(program)]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == expected
