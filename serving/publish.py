"""Installs exports where TensorFlow Serving looks for models, and takes them back.

    python -m serving.publish runs/sentiment/movie_snippets/seed-1
    python -m serving.publish --rollback sentiment

A models directory holds `<model>/<version>/` and `models.config`. A version appears
whole or not at all, and a number is never given twice.
"""

import argparse
import shutil
from pathlib import Path

from apps.common.portable.files import atomic_write, exclusive_lock
from apps.common.portable.terminal import report_errors
from apps.common.portable.versions import versions

MODELS = Path("models")
CONFIG = "models.config"
SERVED_FROM = "/models"  # where the server has the models directory
WITHDRAWN, REMOVED = ".withdrawn-", ".removed"


def publish(run, models=MODELS, keep=3):
    """Installs the newest export of a run as the next version of its model.

    Args:
        run: A run directory with an export.
        models: The models directory; made if it is not there.
        keep: Number of versions to keep; older ones are removed.

    Returns:
        The path of the new version.

    Raises:
        ValueError: If the run has no export, or `keep` is below 1.
    """
    if keep < 1:
        raise ValueError(f"--keep: expected 1 or more. Received: {keep}.")
    exported = sorted(Path(run, "export").glob("*/*/saved_model.pb"), key=_number)
    if not exported:
        raise ValueError(
            f"{run} has no export. The verb export makes one: "
            "python -m experiments.TASK RECIPE export."
        )
    source = exported[-1].parent
    model = Path(models, source.parent.name)
    model.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(model):
        number = max((*versions(model), *_withdrawn(model)), default=0) + 1
        _copy(source, model / str(number))
        for left in model.glob(f"{REMOVED}*"):  # of a publish that was killed
            shutil.rmtree(left)
        for old in versions(model)[:-keep]:
            _remove(model / str(old))
    write_config(models)
    return model / str(number)


def roll_back(name, models=MODELS):
    """Takes the newest version of a model back, so that the one before it serves.

    Returns:
        The path of the version that serves now.

    Raises:
        ValueError: If there is no version before the newest.
    """
    model = Path(models, name)
    if not model.is_dir():
        raise ValueError(f"Rolling back needs two versions. {model} has 0.")
    with exclusive_lock(model):
        found = versions(model)
        if len(found) < 2:
            raise ValueError(
                f"Rolling back needs two versions. {model} has {len(found)}."
            )
        newest = model / str(found[-1])
        newest.rename(model / f"{WITHDRAWN}{found[-1]}")
        for number in _withdrawn(model)[:-1]:
            _remove(model / f"{WITHDRAWN}{number}")
    return model / str(found[-2])


def write_config(models):
    """Writes `models.config`, the list of models that TensorFlow Serving reads."""
    with exclusive_lock(models):
        return _write_config(models)


def _write_config(models):
    names = sorted(path.name for path in Path(models).iterdir() if versions(path))
    blocks = [
        f'  config {{\n    name: "{name}"\n    base_path: "{SERVED_FROM}/{name}"\n'
        '    model_platform: "tensorflow"\n  }\n'
        for name in names
    ]
    path = Path(models, CONFIG)
    with atomic_write(path) as temporary:
        text = f"model_config_list {{\n{''.join(blocks)}}}\n"
        temporary.write_text(text, encoding="utf-8")
    return path


def _copy(source, target):
    """Copies a version: aside, and then at once into sight."""
    temporary = target.with_name(f".{target.name}")
    shutil.rmtree(temporary, ignore_errors=True)  # of a publish that was killed
    try:
        shutil.copytree(source, temporary)
        temporary.rename(target)
    except shutil.Error as error:  # a list, with an entry a file
        raise OSError(f"{source} cannot be copied: {error.args[0][0][-1]}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _number(saved_model):
    return int(saved_model.parent.name) if saved_model.parent.name.isdigit() else -1


def _withdrawn(model):
    return sorted(
        int(path.name.removeprefix(WITHDRAWN)) for path in model.glob(f"{WITHDRAWN}*")
    )


def _remove(version):
    """Removes a version: first from sight, at once, then from the disk."""
    temporary = version.with_name(f"{REMOVED}{version.name}")
    version.rename(temporary)
    shutil.rmtree(temporary)


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.publish",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("run", nargs="?", type=Path, help="run directory with an export")
    what.add_argument(
        "--rollback", metavar="MODEL", help="take its newest version back"
    )
    parser.add_argument(
        "--models", type=Path, default=MODELS, help="models directory (%(default)s)"
    )
    parser.add_argument(
        "--keep", type=int, default=3, help="versions to keep (%(default)s)"
    )
    options = parser.parse_args(arguments)
    with report_errors():
        if options.rollback:
            print(f"Serves now: {roll_back(options.rollback, options.models)}")
        else:
            path = publish(options.run, options.models, options.keep)
            print(f"Published: {path}")


if __name__ == "__main__":
    main()
