"""The README's table of the five apps has recorded and published figures."""

import json

import pytest

from experiments.front_page import apps
from experiments.published import PUBLISHED, published_figures
from experiments.tasks import TASKS


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """Two rows with results of their own."""
    recorded = {
        "sentiment/large": ({"accuracy": {"mean": 0.9044, "std": 0.1}}, 42.6),
        "language_modeling/first": ({"perplexity": 80.0}, 110.2),
        "summarization/short": ({"rouge_1": 0.278, "rouge_2": 0.1338}, 16.8),
    }
    for name, (metrics, minutes) in recorded.items():
        path = tmp_path / f"{name}.json"
        path.parent.mkdir()
        result = {"metrics": metrics, "train_minutes": minutes, "hardware": "a test"}
        result["parameters"] = 1_250_000
        path.write_text(json.dumps(result))
    first = ("language_modeling", "first")
    made = (
        apps.Row("sentiment", "large", "reviews", ("accuracy",), "accuracy", " %", "",
                 first),
        apps.Row("summarization", "short", "mails", ("rouge_1", "rouge_2"), "ROUGE",
                 setting="data.directory=D", with_size=True),
    )  # fmt: skip
    figures = {
        "sentiment": ["90 %, A", "91 %, B", "99 %, C"],
        "summarization": ["1, D"],
    }
    monkeypatch.setattr(apps, "RESULT", tmp_path)
    monkeypatch.setattr(apps, "ROWS", made)
    monkeypatch.setattr(apps, "published_figures", lambda task, recipe: figures[task])
    return [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in apps.recorded_table().splitlines()[2:4]
    ]


def test_a_row_has_the_mean_in_percent_beside_the_first_and_the_strongest_figure(rows):
    assert rows[0][:3] == [
        *("[sentiment](docs/sentiment.md): reviews", "accuracy 90.4 %"),
        "90 %, A; stronger: 99 %, C",
    ]


def test_a_training_that_comes_first_counts_with_its_minutes_and_its_command(rows):
    assert rows[0][3:] == [
        "110 + 43",
        "`python -m experiments.language_modeling first train`, then "
        "`python -m experiments.sentiment large`",
    ]


def test_several_measures_stand_side_by_side_and_a_single_figure_alone(rows):
    assert rows[1][1:] == [
        *("ROUGE 0.3 / 0.1, 1.2 million parameters", "1, D", "17"),
        "`python -m experiments.summarization short data.directory=D`",
    ]


def test_each_app_has_a_row_with_a_recipe_that_has_published_figures():
    assert [row.task for row in apps.ROWS] == [
        *("language_modeling", "sentiment", "speech_commands", "summarization"),
        "question_answering",
    ]
    assert all(published_figures(row.task, row.recipe) for row in apps.ROWS)
    assert published_figures("sentiment", "files") == []


def test_every_recipe_with_published_figures_exists():
    lines = PUBLISHED.read_text(encoding="utf-8").splitlines()
    names = [line.rstrip(":").split("/") for line in lines if line.endswith(":")]
    assert len(names) > 5
    for task, recipe in names:
        assert recipe in TASKS[task].recipes()
