"""The figure of perplexity by the minute: recorded recipes beside published models."""

import json

import pytest

from experiments import published as published_module
from experiments.research import perplexity_by_minute
from experiments.research.perplexity_by_minute import (
    RECIPES,
    TASK,
    main,
    published,
    recorded_table,
)


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Returns a directory with two recorded recipes, the slower one first."""
    (tmp_path / TASK).mkdir()
    for recipe, minutes, static in (("ptb", 150.2, 74.04), ("ptb_15", 14.6, 99.96)):
        result = {
            "recipe": recipe,
            "train_minutes": minutes,
            "parameters": 8_424_601,
            "hardware": "2 cores of Some",
            "metrics": {
                "perplexity": static,
                "dynamic_perplexity": static - 9,
                "cache_perplexity": static - 5,
            },
        }
        (tmp_path / TASK / f"{recipe}.json").write_text(json.dumps(result))
    monkeypatch.setattr(perplexity_by_minute, "RESULTS", tmp_path)
    monkeypatch.setattr(perplexity_by_minute, "PICTURE", tmp_path / "curve.png")
    return tmp_path


def test_the_table_has_the_recorded_recipes_by_increasing_minutes(results):
    assert recorded_table().splitlines() == [
        "| recipe | minutes | parameters | static | with dynamic evaluation | "
        "with a cache |",
        "|---|---|---|---|---|---|",
        "| `ptb_15` | 15 | 8,424,601 | 100.0 | 91.0 | 95.0 |",
        "| `ptb` | 150 | 8,424,601 | 74.0 | 65.0 | 69.0 |",
    ]


def test_published_models_are_read_from_their_texts_best_last(tmp_path, monkeypatch):
    path = tmp_path / "published.yaml"
    path.write_text(
        'language_modeling/ptb: ["58.8, 24 million, AWD-LSTM (Merity et al. 2018)"]\n'
        "language_modeling/ptb_small:\n"
        '  - "perplexity 115.9, 4.65 million parameters (Zaremba et al. 2014)"\n'
    )
    monkeypatch.setattr(published_module, "PUBLISHED", path)
    assert published() == [
        (115.9, "4.65 million, Zaremba et al. 2014"),
        (58.8, "24 million, Merity et al. 2018"),
    ]


def test_every_published_figure_of_the_treebank_is_drawn():
    assert len(published()) == 6


def test_the_command_draws_the_recorded_recipes(results, capsys):
    main([])
    assert (results / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "| `ptb_15` | 15 |" in capsys.readouterr().out


def test_without_a_record_the_command_names_what_to_train(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(perplexity_by_minute, "RESULTS", tmp_path)
    with pytest.raises(SystemExit):
        main([])
    assert f"Train and record {', '.join(RECIPES)} first." in capsys.readouterr().err
