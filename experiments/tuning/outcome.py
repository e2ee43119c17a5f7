"""Writes what `tune` found: a recipe, a table of the trials, and two pictures."""

import csv
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import TrialState

from apps.common.portable.files import atomic_write
from experiments.tuning.study import trial_directory
from experiments.tuning.training import best_value, history_of

TABLE, HISTORY_PLOT, IMPORTANCE = "trials.csv", "history.png", "importance.png"
STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class Tuned:
    """A study, and what it searches.

    Attributes:
        task: A `Task`.
        request: The `Request`.
        config: The `Config` of the recipe.
        space: A `Range` or `Choices` by `section.key`.
        directory: Directory of the study.
        study: An `optuna.Study`.
        monitor: The metric that is compared, by its name in the history.
        mode: "max" or "min".
    """

    task: Any
    request: Any
    config: Any
    space: dict
    directory: Path
    study: optuna.Study
    monitor: str
    mode: str

    def completed(self):
        """Returns the trials that were trained to their end."""
        return self.study.get_trials(False, (TrialState.COMPLETE,))


def settings_of(trial, space):
    """Returns the settings of a trial as strings `section.key=value`.

    The first trial has none: it is the recipe itself.
    """
    values = {name: values.suggest(trial, name) for name, values in space.items()}
    return [f"{name}={value}" for name, value in values.items() if trial.number]


def write_outcome(tuned):
    """Writes the recipe, the table and the pictures, and prints what was found."""
    best, first = tuned.study.best_trial, tuned.study.trials[0]
    recipe = _write_recipe(tuned, best, first)
    written = [recipe, _write_table(tuned)]
    counts = [
        f"{sum(one.state == state for one in tuned.study.trials)} {name}"
        for state, name in STATES.items()
    ]
    print(
        f"\nBest: trial {best.number} with {tuned.monitor} {best.value:.4f}; the "
        f"recipe itself has {first.value:.4f}. Trials: {', '.join(counts)}."
    )
    written += _draw(tuned)
    print(f"Written: {', '.join(map(str, written))}")
    directory = trial_directory(tuned.directory, best.number)
    print(
        "The best trial is trained already. Measure it on the test split:\n"
        f"  python -m experiments.{tuned.task.name} {recipe} evaluate export "
        f"run_directory={directory}"
    )


def _write_recipe(tuned, best, first):
    """Writes the recipe of the best trial: what differs from the app's defaults."""
    overrides = [*tuned.request.overrides, *settings_of(best, tuned.space)]
    config = tuned.task.config(tuned.request.recipe, overrides)
    defaults = asdict(tuned.task.config_class()())
    sections = {
        section: {
            key: value
            for key, value in values.items()
            if value != defaults[section][key]
        }
        for section, values in asdict(config).items()
    }
    sections = {name: values for name, values in sections.items() if values}
    name = tuned.task.recipe_path(tuned.request.recipe).stem
    path = tuned.directory / f"{name}_tuned.yaml"
    found = f"instead of {first.value:.4f}"
    if best.number == first.number:
        found = "as before: no trial was better"
    with atomic_write(path) as temporary:
        temporary.write_text(
            f"# {name}, tuned: {tuned.monitor} {best.value:.4f} {found} "
            f"({len(tuned.study.trials)} trials).\n"
            f"{yaml.safe_dump(sections, sort_keys=False, allow_unicode=True)}",
            encoding="utf-8",
        )
    return path


def _write_table(tuned):
    """Writes a row for each trial."""
    path = tuned.directory / TABLE
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        columns = ("trial", "state", tuned.monitor, "epochs", "minutes")
        writer.writerow([*columns, *tuned.space])
        for one in tuned.study.trials:
            history = history_of(trial_directory(tuned.directory, one.number))
            value = best_value(history, tuned.monitor, tuned.mode)
            writer.writerow(
                [
                    *(one.number, STATES.get(one.state, "stopped"), value),
                    history[-1]["epoch"] if history else 0,
                    round(sum(row["seconds"] for row in history) / 60, 2),
                    *(one.params.get(name) for name in tuned.space),
                ]
            )
    return path


def _draw(tuned):
    """Draws the trials' values, and which settings mattered; returns the files.

    Prints a line where the trials do not suffice to say what mattered.
    """
    import matplotlib.pyplot as plt

    from apps.common.metrics.plots import save_figure

    plots = {HISTORY_PLOT: optuna.visualization.matplotlib.plot_optimization_history}
    if len({one.value for one in tuned.completed()}) > 1:
        plots[IMPORTANCE] = optuna.visualization.matplotlib.plot_param_importances
    else:
        print(f"{IMPORTANCE} is not drawn: it needs two finished trials that differ.")
    with plt.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        for name, plot in plots.items():
            figure = plot(tuned.study, target_name=tuned.monitor).figure
            figure.set_layout_engine("constrained")
            save_figure(figure, tuned.directory / name)
    return [tuned.directory / name for name in plots]
