"""Every shipped recipe loads, has a first comment, and sets only what differs."""

import importlib
from dataclasses import asdict

import pytest
import yaml

from apps.common.config import load_config
from experiments.task import RECIPES
from experiments.tasks import TASKS

SHIPPED = sorted(RECIPES.glob("*/*.yaml"))


def config_class(path):
    return importlib.import_module(f"apps.{path.parent.name}.config").Config


def test_every_folder_of_recipes_belongs_to_a_task():
    assert {path.parent.name for path in SHIPPED} == set(TASKS)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.name}/{p.stem}")
class TestShippedRecipe:
    def test_it_loads(self, path):
        assert load_config(config_class(path), path)

    def test_its_first_line_says_what_it_is_for(self, path):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# ")
        assert len(first) > 20

    def test_it_says_only_what_differs_from_the_defaults(self, path):
        defaults = asdict(config_class(path)())
        for section, keys in yaml.safe_load(path.read_text()).items():
            for key, value in keys.items():
                required = (section, key) == ("data", "dataset")
                assert required or defaults[section][key] != value, key


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_default_recipe_is_shipped_and_comes_first(task):
    assert task.recipes()[0] == task.default_recipe
    assert len(set(task.recipes())) == len(list(RECIPES.glob(f"{task.name}/*.yaml")))


@pytest.mark.parametrize("recipe", ["movie_snippets", "imdb", "sst2", "files"])
def test_sentiment_has_the_recipes_of_its_data_sets(recipe):
    assert recipe in TASKS["sentiment"].recipes()
