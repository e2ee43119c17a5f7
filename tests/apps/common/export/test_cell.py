"""`cell.json` of an export, with which a page computes the model."""

import json

import keras
import pytest

from apps.common.export.cell import levels, write_cell
from apps.language_modeling.export import cell_data as language_model
from apps.sentiment.export import cell_data as sentiment_model
from tests.experiments.explainer.tiny import language_model_run, sentiment_run


def written(directory, name, run, data_of):
    """Writes the file of a tiny model; returns the names of the files."""
    run.name = name
    write_cell(directory, run, data_of, signatures={}, examples={})
    return [path.name for path in directory.iterdir()]


@pytest.mark.parametrize(
    ("name", "run", "data_of"),
    [
        ("language_modeling", language_model_run, language_model),
        ("sentiment", sentiment_run, sentiment_model),
    ],
    ids=["language_modeling", "sentiment"],
)
def test_the_file_has_the_format_the_app_and_the_data(
    name, run, data_of, tmp_path, capsys
):
    model = run()
    assert written(tmp_path, name, model, data_of) == ["cell.json"]
    content = json.loads((tmp_path / "cell.json").read_text(encoding="utf-8"))
    assert content == {"format": 1, "app": name, **data_of(model)}
    assert capsys.readouterr().err == ""


def test_a_model_that_the_page_cannot_compute_has_no_file_and_one_line_says_why(
    tmp_path, capsys
):
    run = sentiment_run("mean")
    assert written(tmp_path, "sentiment", run, sentiment_model) == []
    assert capsys.readouterr().err == (
        'No cell.json for the tab "The cell": runs/b: the page computes '
        "model.pooling=max alone. Train one with it.\n"
    )


def test_a_model_without_lstms_is_refused():
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, keras.layers.SimpleRNN(2)(inputs), name="simple")
    with pytest.raises(ValueError, match=r"^simple: expected a model of LSTMs\. "):
        levels(model)


def test_an_app_without_such_data_has_no_file_and_no_line(tmp_path, capsys):
    assert written(tmp_path, "summarization", language_model_run(), None) == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("app", ["sentiment", "language_modeling"])
def test_an_export_has_the_file(app, request):
    names = {"sentiment": "finished_run", "language_modeling": "finished_language_run"}
    run = request.getfixturevalue(names[app])
    content = json.loads((run / "export" / app / "1" / "cell.json").read_bytes())
    assert content["app"] == app
    assert content["vocabulary"] == (run / "vocabulary.txt").read_text().rstrip("\n")
