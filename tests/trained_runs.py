"""Trained runs, made once for all tests, in whichever process asks first."""

import importlib
import os
import shutil

import pytest

from apps.common.files import alone_in


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Makes a directory once for all processes of a test run.

    `once(name, make)` returns its path; `make(path)` is to create it. Read what it
    holds; change only copies.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    root = root / "once"

    def once(name, make):
        directory, made = root / name, root / f"{name}.made"
        (lock := root / f"{name}.lock").mkdir(parents=True, exist_ok=True)
        with alone_in(lock):
            if not made.exists():
                shutil.rmtree(directory, ignore_errors=True)  # of one that failed
                make(directory)
                made.touch()
        return directory

    return once


def run_fixtures(app, config):
    """Returns two fixtures of the same run of an app.

    Args:
        app: Name of the app.
        config: Name of the fixture that gives its recipe.

    Returns:
        The run after `train`, and after `evaluate` and `export`, too.
    """
    name = config.removesuffix("_config")

    def verb(name, *arguments):
        getattr(importlib.import_module(f"apps.{app}.{name}"), name)(*arguments)

    @pytest.fixture(scope="session")
    def trained(request, once, packages):
        """A run directory after `train`. Read it; change only copies."""
        recipe = request.getfixturevalue(config)
        return once(f"{name}-trained/run", lambda path: verb("train", recipe, path))

    @pytest.fixture(scope="session")
    def finished(request, once, packages):
        """A run directory after three verbs. Read it; change only copies."""
        recipe = request.getfixturevalue(config)
        run = once(f"{name}-trained/run", lambda path: verb("train", recipe, path))

        def finish(path):
            shutil.copytree(run, path)
            verb("evaluate", path)
            verb("export", path)

        return once(f"{name}-finished/run", finish)

    return trained, finished
