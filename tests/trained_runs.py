"""Fixtures with trained runs of the apps."""

import contextlib
import importlib
import shutil

import pytest

EXPORT, ONNX = "apps.common.export.savedmodel", "apps.common.export.onnx.export"


def make_export_quick(patch):
    """Leaves out an export's check and its `litert/`, which have their own tests."""
    patch.setattr(f"{EXPORT}.waiting_process", contextlib.nullcontext)
    for module in (EXPORT, ONNX):
        patch.setattr(f"{module}._check", lambda *arguments: None)
    patch.setattr(f"{EXPORT}.write_litert", lambda *arguments, **options: None)


def run_fixtures(app, config):
    """Returns two fixtures of the same run of an app.

    Args:
        app: Name of the app.
        config: Name of the fixture that returns the recipe.

    Returns:
        A fixture with the run after `train`, and one with the run after `train`,
        `evaluate` and `export`.
    """
    name = config.removesuffix("_config")

    def verb(name, *arguments):
        getattr(importlib.import_module(f"apps.{app}.{name}"), name)(*arguments)

    def load(path):
        return importlib.import_module(f"apps.{app}.predict").Predictor.load(path)

    @pytest.fixture(scope="session")
    def trained(request, once, packages):
        """A run directory after `train`. Change only copies."""
        recipe = request.getfixturevalue(config)
        return once(f"{name}-trained/run", lambda path: verb("train", recipe, path))

    @pytest.fixture(scope="session")
    def finished(request, once, packages):
        """A run directory after `train`, `evaluate`, `export`. Change only copies."""
        recipe = request.getfixturevalue(config)
        run = once(f"{name}-trained/run", lambda path: verb("train", recipe, path))

        def finish(path):
            shutil.copytree(run, path)
            predictor = load(path)
            verb("evaluate", predictor)
            with pytest.MonkeyPatch.context() as patch:
                make_export_quick(patch)
                verb("export", predictor)

        return once(f"{name}-finished/run", finish)

    return trained, finished
