"""Run directories: made, resumed or refused, and never overwritten."""

import json
from pathlib import Path

from apps.common.config import differences, load_config, save_config
from apps.common.files import replacing
from apps.common.training import read_history

CONFIG, MODEL, METRICS = "config.yaml", "model.keras", "metrics.json"


def open_run(directory, config):
    """Makes a run directory ready for training.

    A new one is made; one with the same configuration is there to be resumed.

    Args:
        directory: The run directory.
        config: The whole configuration.

    Returns:
        Whether there is training left to do.

    Raises:
        ValueError: If the directory belongs to another configuration or is no run.
    """
    directory = Path(directory)
    way_out = "Give another directory with run_directory=..., or remove this one."
    found = (
        {path.name for path in _contents(directory)} if directory.exists() else set()
    )
    if found <= {CONFIG}:  # new, or ended before there was anything to lose
        directory.mkdir(parents=True, exist_ok=True)
        save_config(config, directory / CONFIG)
        return True
    if CONFIG not in found:
        raise ValueError(
            f"{directory} has files in it but no {CONFIG}: it is no run. {way_out}"
        )
    changed = differences(load_config(type(config), directory / CONFIG), config)
    if changed:
        raise ValueError(
            f"{directory} holds a run of another configuration: {'; '.join(changed)}. "
            f"{way_out}"
        )
    return not is_finished(directory)


def is_finished(directory):
    """Whether the run's training has ended."""
    return (Path(directory) / MODEL).exists()


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
            "The command that trains it resumes it."
        )
    return load_config(config_class, directory / CONFIG)


def read_metrics(directory):
    """Returns the metrics of a run that is evaluated already, and says so, or None."""
    path = Path(directory, METRICS)
    if not path.exists():
        return None
    print(f"{directory} is evaluated already.")
    return json.loads(path.read_text())


def save_metrics(directory, config, model, found, examples, unit):
    """Writes the metrics of a run, and what a reader of them asks for.

    Args:
        directory: The run directory, training ended.
        config: Its configuration.
        model: Its model.
        found: What was measured on the test split.
        examples: Size of the test split,
        unit: in these.

    Returns:
        The metrics, as in `metrics.json`.
    """
    metrics = {
        "dataset": config.data.dataset,
        "split": "test",
        "examples": examples,
        "unit": unit,
        **found,
        "parameters": model.count_params(),
        "train_minutes": sum(r["seconds"] for r in read_history(directory)) / 60,
    }
    with replacing(Path(directory, METRICS)) as aside:
        aside.write_text(json.dumps(metrics, indent=2) + "\n")
    return metrics


def _contents(directory):
    """Yields what is in a directory, but what a killed process left aside."""
    return (path for path in directory.iterdir() if not path.name.startswith("."))
