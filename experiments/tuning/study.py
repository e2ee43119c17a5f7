"""Opens the Optuna study of a directory: creates, resumes and locks it."""

import json
import shutil
from contextlib import contextmanager
from dataclasses import asdict

import optuna

from apps.common.finished import REMEDY
from apps.common.portable.files import exclusive_lock, write_json
from apps.common.portable.run_files import HISTORY

SETTINGS, STUDY, STUDY_NAME = "settings.json", "study.db", "tune"
TRIALS = "trial-*/"  # pattern of the trials' run directories
DIRECTIONS = {"max": "maximize", "min": "minimize"}
COMPARED = 4  # completed trials before a trial can be pruned


def trial_directory(directory, number):
    """Returns the run directory of a trial."""
    return directory / f"trial-{number:03}"


@contextmanager
def open_study(directory, config, space, mode):
    """Creates the study of a directory, or opens it to resume, and locks it.

    The first trial of a new study has the recipe's own settings. The study lies in an
    SQLite file, whose content a kill does not damage.

    Args:
        directory: A new directory, or that of an earlier call.
        config: The recipe's `Config`.
        space: A `Range` or `Choices` by `section.key`, with the recipe's value in it.
        mode: "max" or "min".

    Yields:
        An `optuna.Study`.

    Raises:
        ValueError: If the directory has other files or a study with other settings, or
            if another process uses it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory):
        _check_settings(directory, config, space)
        storage = optuna.storages.RDBStorage(f"sqlite:///{directory / STUDY}")
        try:
            study = optuna.create_study(
                storage=storage,
                study_name=STUDY_NAME,
                direction=DIRECTIONS[mode],
                load_if_exists=True,
                pruner=_pruner(config.train),
            )
            if not study.trials:
                study.enqueue_trial({name: value_of(config, name) for name in space})
            yield study
        finally:
            storage.remove_session()
            storage.engine.dispose()


def value_of(config, name):
    """Returns a configuration's value of `section.key`."""
    section, _, key = name.partition(".")
    return getattr(getattr(config, section), key)


def next_trial(study, seed):
    """Returns the trial that an ended process was at, or a new one.

    Each trial has a seed, so that a resumed study tries what an undisturbed one would.
    """
    running = study.get_trials(states=(optuna.trial.TrialState.RUNNING,))
    waiting = study.get_trials(states=(optuna.trial.TrialState.WAITING,))
    number = running[0].number if running else len(study.trials) - len(waiting)
    study.sampler = optuna.samplers.TPESampler(
        seed=1000 * seed + number, constant_liar=False
    )
    if running:
        return optuna.trial.Trial(study, running[0]._trial_id)
    return study.ask()


def _pruner(settings):
    """Returns a median pruner; it spares the first third of a training.

    There the warm-up of the learning rate and the average of the weights hide what a
    trial is worth.
    """
    evaluations = settings.epochs * settings.evaluations_per_epoch
    return optuna.pruners.MedianPruner(COMPARED, n_warmup_steps=evaluations // 3)


def _check_settings(directory, config, space):
    """Writes the settings of a new study; refuses others for one that exists.

    A study without any evaluation begins anew.
    """
    path = directory / SETTINGS
    settings = {
        f"{section}.{key}": value
        for section, values in asdict(config).items()
        for key, value in values.items()
    }
    searched = {f"search of {name}": str(values) for name, values in space.items()}
    new = settings | searched
    names = [path for path in directory.iterdir() if not path.name.startswith(".")]
    if not path.exists() and names:
        raise ValueError(
            f"{directory} has files in it but no {SETTINGS}: tune did not make it. "
            f"{REMEDY}"
        )
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if old == new:
        return
    if any(directory.glob(f"{TRIALS}{HISTORY}")):
        changed = [
            f"{name} was {old.get(name)!r} and is now {new.get(name)!r}"
            for name in {**new, **old}
            if old.get(name) != new.get(name)
        ]
        raise ValueError(
            f"{directory} has a search with other settings: {'; '.join(changed)}. "
            f"{REMEDY}"
        )
    for trial in directory.glob(TRIALS):
        shutil.rmtree(trial)
    (directory / STUDY).unlink(missing_ok=True)
    write_json(path, new)


@contextmanager
def _locked(directory):
    try:
        with exclusive_lock(directory, wait=False):
            yield
    except BlockingIOError:
        raise ValueError(
            f"{directory}: another process is tuning in it. Wait until it ends, or "
            "give another directory with run_directory=..."
        ) from None
