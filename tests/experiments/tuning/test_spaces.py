"""What `tune` searches in each app: settings that every recipe accepts."""

import optuna
import pytest

from apps.common.search import Choices, Range, sizes_around
from apps.sentiment import adapt
from experiments.task import RECIPES
from experiments.tasks import TASKS
from experiments.tuning.study import value_of

SHIPPED = sorted(RECIPES.glob("*/*.yaml"))
DRAWS = 8  # of each recipe


class Drawn:
    """A trial that returns given values, and notes what it is asked for."""

    def __init__(self, value):
        self.value = value

    def suggest_float(self, name, low, high, log):
        self.asked = name, low, high, log
        return self.value

    def suggest_categorical(self, name, values):
        self.asked = name, values
        return self.value


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_recipe_accepts_whatever_is_drawn_from_its_space(path, monkeypatch):
    texts = [b"Ein Film."] * 900  # of the user's own file
    monkeypatch.setattr(adapt, "training_texts", lambda config: texts)
    task = TASKS[path.parent.name]
    config = task.choose(task.config(path.stem, []))
    space = task.search_space(config)
    sampler = optuna.samplers.RandomSampler(seed=5)
    study = optuna.create_study(sampler=sampler)
    assert len(space) >= 7
    for _ in range(DRAWS):
        trial = study.ask()
        drawn = {name: values.suggest(trial, name) for name, values in space.items()}
        settings = [f"{name}={value}" for name, value in drawn.items()]
        config = task.config(path.stem, settings)
        assert {name: value_of(config, name) for name in drawn} == drawn


def space_of(app, *settings):
    task = TASKS[app]
    return task.search_space(task.config(task.default_recipe, settings))


@pytest.mark.parametrize(
    ("app", "settings", "name"),
    [
        ("sentiment", ["data.vectors=random", "data.vector_words=0"], "embedding_dim"),
        ("question_answering", [], "hops"),
        ("question_answering", [], "embedding_dim"),
        ("summarization", [], "embedding_dim"),
        ("language_modeling", ["model.num_layers=2"], "units"),
        ("language_modeling", ["model.num_layers=2"], "hidden_dropout"),
        ("language_modeling", [], "weight_drop"),
        ("speech_commands", ["model.direction=both"], "pooling"),
        ("speech_commands", ["model.direction=both"], "clip_normalization"),
    ],
)
def test_a_setting_is_searched_where_it_has_an_effect(app, settings, name):
    assert f"model.{name}" in space_of(app, *settings)


PRETRAINED = [
    *("model.pretrained=runs/a", "model.direction=forward", "data.vectors=random"),
    "data.vector_words=0",
]


@pytest.mark.parametrize(
    ("app", "settings", "name"),
    [
        ("sentiment", [], "embedding_dim"),  # of GloVe's vectors
        ("sentiment", PRETRAINED, "embedding_dim"),
        ("sentiment", PRETRAINED, "units"),
        ("sentiment", PRETRAINED, "num_layers"),
        ("question_answering", ["data.dataset=files"], "hops"),
        ("question_answering", ["data.vectors=glove_6b_50d"], "embedding_dim"),
        ("summarization", ["data.vectors=glove_6b_50d"], "embedding_dim"),
        ("language_modeling", [], "units"),
        ("language_modeling", [], "hidden_dropout"),
        ("language_modeling", ["model.cell=simple"], "weight_drop"),
        ("speech_commands", [], "pooling"),
        ("speech_commands", [], "clip_normalization"),
    ],
)
def test_a_setting_is_not_searched_where_it_is_given_or_refused(app, settings, name):
    assert f"model.{name}" not in space_of(app, *settings)


def test_no_setting_of_the_data_or_the_time_is_searched():
    """They would change what is compared."""
    for app in TASKS:
        names = space_of(app)
        assert not [name for name in names if name.startswith(("data.", "evaluation."))]
        assert not {"train.epochs", "train.evaluations_per_epoch", "train.seed"} & set(
            names
        )


def test_a_range_is_asked_for_and_rounded_to_three_digits():
    trial = Drawn(0.0123456)
    assert Range(0.001, 0.1, log=True).suggest(trial, "a.b") == 0.0123
    assert trial.asked == ("a.b", 0.001, 0.1, True)


def test_a_range_is_widened_to_a_value_beyond_it():
    assert Range(0.0, 0.5).including(0.6) == Range(0.0, 0.6)
    assert Range(0.1, 0.5, log=True).including(0.05) == Range(0.05, 0.5, log=True)
    assert Range(0.1, 0.5).including(0.2) == Range(0.1, 0.5)


def test_choices_get_a_value_that_they_lack():
    assert Choices((1, 2)).including(3) == Choices((1, 2, 3))
    assert Choices((1, 2)).including(2) == Choices((1, 2))
    trial = Drawn(2)
    assert Choices((1, 2)).suggest(trial, "a.b") == 2
    assert trial.asked == ("a.b", (1, 2))


def test_sizes_are_positive_and_different():
    assert sizes_around(1) == Choices((1, 2))
    assert sizes_around(50) == Choices((25, 37, 50, 75, 100))


def test_ranges_and_choices_are_said_in_words():
    assert str(Range(0.001, 0.1, log=True)) == "0.001 to 0.1 (logarithmic)"
    assert str(Range(0.0, 0.5)) == "0 to 0.5"
    assert str(Choices(("max", "mean"))) == "max, mean"
