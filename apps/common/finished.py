"""Reads what a run directory has already; imports no TensorFlow."""

import csv
import json
from pathlib import Path

from apps.common.choices import with_choices_of
from apps.common.config import differences, load_run_config
from apps.common.portable.run_files import (
    CONFIG,
    EXPLANATIONS,
    EXPORTS,
    HISTORY,
    METRICS,
    MODEL,
)
from apps.common.portable.versions import ONNX, newest_version

REMEDY = "Give another directory with run_directory=..., or delete this one."


def is_finished(directory):
    """Returns whether the run's training has ended."""
    return (Path(directory) / MODEL).exists()


def is_complete(directory, name):
    """Returns whether a run is trained, evaluated, explained and exported.

    Args:
        directory: Run directory.
        name: Name of the app.
    """
    directory = Path(directory)
    return (
        is_finished(directory)
        and (directory / METRICS).exists()
        and any((directory / EXPLANATIONS).glob("*.html"))
        and newest_version(directory / EXPORTS / name) is not None
    )


def finished_run(directory, config_class):
    """Returns the configuration of a run whose training has ended.

    Raises:
        ValueError: If there is no such run, or its training has not ended.
    """
    directory = Path(directory)
    if not (directory / CONFIG).exists():
        raise ValueError(
            f"{directory} is not a run: it has no {CONFIG}. Train it first."
        )
    if not is_finished(directory):
        raise ValueError(
            f"{directory} is not finished: it has no {MODEL}. "
            "Run its training command again, which resumes it."
        )
    return load_run_config(config_class, directory / CONFIG)


def read_history(directory):
    """Returns the rows of a run's `history.csv` as dictionaries of floats."""
    with open(Path(directory) / HISTORY, newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def check_config(directory, config):
    """Raises ValueError if a run directory has another configuration.

    What it chose for a setting that is "auto" is no difference.
    """
    directory = Path(directory)
    stored = load_run_config(type(config), directory / CONFIG)
    changed = differences(stored, with_choices_of(config, stored))
    if changed:
        raise ValueError(
            f"{directory} has a run with another configuration: {'; '.join(changed)}. "
            f"{REMEDY}"
        )


def check_overrides(directory, config_class, overrides):
    """Raises ValueError if settings are given that a finished run does not have.

    Args:
        directory: Run directory.
        config_class: The app's `Config`.
        overrides: Strings `section.key=value`.
    """
    path = Path(directory) / CONFIG
    if not (overrides and path.exists()):
        return
    stored = load_run_config(config_class, path)
    given = load_run_config(config_class, path, overrides)
    if changed := differences(stored, with_choices_of(given, stored)):
        raise ValueError(
            f"{directory} keeps the settings that it was trained with: "
            f"{'; '.join(changed)}. Leave the setting out, or train with it into "
            "another run_directory=..."
        )


def trained_already(directory, config):
    """Returns whether the training has ended, and says so.

    Raises:
        ValueError: If it was a training with another configuration.
    """
    if not (is_finished(directory) and (Path(directory) / CONFIG).exists()):
        return False
    check_config(directory, config)
    print(f"{directory} is trained already.")
    return True


def metrics_already(directory):
    """Returns the metrics of an evaluated run, and says so; else None.

    Raises:
        ValueError: If `metrics.json` cannot be read.
    """
    path = Path(directory) / METRICS
    if not path.exists():
        return None
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read ({error}). Delete it and evaluate again."
        ) from None
    print(f"{path.parent} is evaluated already. Delete {path} to measure it anew.")
    return metrics


def export_already(directory, name):
    """Returns the newest version of a run's export, and says so; else None.

    Args:
        directory: Run directory.
        name: Name of the app.
    """
    version = newest_version(Path(directory) / EXPORTS / name)
    if version:
        without = "" if (version / ONNX).exists() else f", without {ONNX.parent}/"
        print(f"{version} is exported already{without}. Delete it to export again.")
    return version
