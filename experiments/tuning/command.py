"""Runs the trials of `tune` until the minutes are over."""

import math
import shutil
import time

import optuna
from optuna.trial import TrialState

from apps.common.portable.progress import Progress, duration
from apps.common.portable.run_files import CONFIG, HISTORY
from experiments.tuning.outcome import Tuned, settings_of, write_outcome
from experiments.tuning.study import (
    TRIALS,
    next_trial,
    open_study,
    trial_directory,
    value_of,
)
from experiments.tuning.training import Training, best_value

USED_S = "used_s"  # user attribute of a study: seconds that its trials took
SAVED_S = 5  # seconds between two writes of it
OVERTIME = 1.1  # times the minutes: then the last trial is stopped
MAX_FAILURES = 3  # in a row
KEPT = {CONFIG, HISTORY}  # files of a trial that is not the best


def tune(task, request, config, directory, minutes):
    """Searches settings with Optuna, and writes the best ones as a recipe.

    Args:
        task: A `Task`.
        request: A `Request`; settings among its overrides are not searched.
        config: The `Config` of the recipe after the overrides.
        directory: Directory of the study, new or of an earlier call.
        minutes: No trial begins when all calls together took so long.

    Raises:
        ValueError: If nothing is left to search, the directory has another study or is
            in use, or the recipe itself or `MAX_FAILURES` trials in a row fail.
    """
    fixed = {override.partition("=")[0] for override in request.overrides}
    space = {
        name: values.including(value_of(config, name))
        for name, values in task.search_space(config).items()
    }
    kept = sorted(fixed & set(space))
    space = {name: values for name, values in space.items() if name not in fixed}
    if not space:
        raise ValueError("tune: you set all that it searches. Leave one setting out.")
    print(f"Tuning {task.name} with the recipe {request.recipe}: {directory}")
    print(f"Searched: {', '.join(space)}.")
    if kept:
        print(f"Not searched, since you set them: {', '.join(kept)}.")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    monitor, mode = task.monitor()
    with open_study(directory, config, space, mode) as study:
        tuned = Tuned(task, request, config, space, directory, study, monitor, mode)
        _Search(tuned, minutes).run()
        write_outcome(tuned)


class _Search:
    """Trains trial after trial."""

    def __init__(self, tuned, minutes):
        self.tuned, self.study, self.minutes = tuned, tuned.study, minutes
        self.used_s = self.saved_s = self.study.user_attrs.get(USED_S, 0.0)
        self.looked = time.monotonic()

    def run(self):
        self.delete_weights()
        failures = 0
        while self.used_s < 60 * self.minutes or not self.tuned.completed():
            trial = next_trial(self.study, self.tuned.config.train.seed)
            failure = self.train(trial)
            failures = failures + 1 if failure else 0
            if failures == MAX_FAILURES:
                raise ValueError(
                    f"{failures} trials in a row failed, the last one with: {failure}"
                )
            self.delete_weights()

    def train(self, trial):
        """Trains a trial, tells the study how it ended, and prints a line.

        Returns:
            Why it failed, or None.
        """
        tuned, settings = self.tuned, self.tuned.config.train
        overrides = settings_of(trial, tuned.space)
        words = [tuned.task.name, tuned.request.recipe, "train"]
        words += [*tuned.request.overrides, *overrides]
        total = settings.epochs * settings.evaluations_per_epoch
        bar = Progress(total, "evaluation", f"Trial {trial.number}")
        training = Training(words, trial_directory(tuned.directory, trial.number))
        try:
            with training:
                ended, history = self.watch(trial, training, bar)
        finally:
            self.look(save=True)
        value = best_value(history, tuned.monitor, tuned.mode)
        failure = None
        if ended == TrialState.COMPLETE and training.code:
            failure = training.failure()
        elif ended == TrialState.COMPLETE and value is None:
            failure = f"no evaluation had a finite {tuned.monitor}."
        if failure and trial.number == 0:
            bar.close()
            kind = OSError if training.code == 1 else ValueError
            raise kind(f"The recipe itself failed: {failure} See {training.log}.")
        if failure:
            self.study.tell(trial, state=TrialState.FAIL)
            bar.close(f"{self.line(trial, history)}: failed: {failure}")
            return failure
        if ended == TrialState.COMPLETE:
            self.study.tell(trial, value)
            best = self.study.best_trial.number == trial.number
            news = f", the best so far{': ' if overrides else ''}{' '.join(overrides)}"
            bar.close(f"{self.line(trial, history)}{news if best else self.best()}")
        elif ended == TrialState.PRUNED:
            self.study.tell(trial, state=TrialState.PRUNED)
            bar.close(f"{self.line(trial, history)}, pruned{self.best()}")
        else:  # as after a kill: a call with more minutes resumes it
            bar.close(f"{self.line(trial, history)}, stopped: the time is over")
        return None

    def watch(self, trial, training, bar):
        """Reports evaluations until the training ends or is to be ended.

        Returns:
            COMPLETE if the process ended, PRUNED if the trial is worse than others, or
            RUNNING if the time is over; and the rows of the history.
        """
        tuned = self.tuned
        reported = set(self.study.trials[trial.number].intermediate_values)
        seen = 0
        for history in training.histories():
            self.look()
            for step, row in enumerate(history):
                if step not in reported and math.isfinite(row[tuned.monitor]):
                    trial.report(row[tuned.monitor], step)
                    reported.add(step)
            if len(history) > seen:
                seen = len(history)
                last = history[-1]["epoch"] >= tuned.config.train.epochs
                if not last and trial.should_prune():
                    return TrialState.PRUNED, history
            value = best_value(history, tuned.monitor, tuned.mode)
            shown = "" if value is None else f"{tuned.monitor} {value:.4f}"
            bar.show(len(history), f"{shown}{self.best()}")
            if trial.number and self.used_s > OVERTIME * 60 * self.minutes:
                return TrialState.RUNNING, history
        return TrialState.COMPLETE, history

    def look(self, save=False):
        """Adds the time since the last look; writes the sum now and then."""
        now = time.monotonic()
        self.used_s += now - self.looked
        self.looked = now
        if save or self.used_s - self.saved_s > SAVED_S:
            self.study.set_user_attr(USED_S, self.used_s)
            self.saved_s = self.used_s

    def line(self, trial, history):
        """Returns how far a trial came, and how much time is used."""
        value = best_value(history, self.tuned.monitor, self.tuned.mode)
        parts = [f"{self.used_s / 60:.1f} of {self.minutes:g} minutes"]
        if history:
            seconds = duration(sum(row["seconds"] for row in history))
            parts.append(f"{history[-1]['epoch']:g} epochs in {seconds}")
        if value is not None:
            parts.append(f"{self.tuned.monitor} {value:.4f}")
        name = f"Trial {trial.number}{'' if trial.number else ' (the recipe itself)'}"
        return f"{name}: {', '.join(parts)}"

    def best(self):
        """Returns the best completed trial in words."""
        if not self.tuned.completed():
            return ""
        best = self.study.best_trial
        return f"; best {best.value:.4f} of trial {best.number}"

    def delete_weights(self):
        """Deletes all but configuration and history of ended trials but the best.

        The best trial keeps its whole run directory, and one that is to be resumed.
        """
        keep = {one.number for one in self.study.trials if not one.state.is_finished()}
        if self.tuned.completed():
            keep.add(self.study.best_trial.number)
        keep = {trial_directory(self.tuned.directory, number) for number in keep}
        for directory in set(self.tuned.directory.glob(TRIALS)) - keep:
            for path in directory.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name not in KEPT:
                    path.unlink()
