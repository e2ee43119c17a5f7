"""Installs exports in TensorFlow Serving's models directory; rolls them back.

    python -m serving.publish runs/sentiment/movie_snippets/seed-1
    python -m serving.publish runs/my-reviews
    python -m serving.publish --rollback sentiment

As the embedded server names them, a run of a recipe is installed under the name of its
app, a run of your own directory under that directory's name; `--name` gives another.

A models directory contains `<model>/<version>/`, `<model>/.app` with the name of the
model's app, and `models.config`. Installing a version is atomic, and a version number
is never used twice.
"""

import argparse
import re
import shutil
from pathlib import Path

from apps.common.portable.files import atomic_write, exclusive_lock
from apps.common.portable.run_files import EXPORTS
from apps.common.portable.terminal import report_errors
from apps.common.portable.versions import GRAPH, versions
from serving.exports import APP, model_name

MODELS = Path("models")
CONFIG = "models.config"
SERVED_FROM = "/models"  # path of the models directory in the server's container
KEEP = 3  # versions
LOADED_VERSIONS = 2  # a server starts if the newest is broken, but the one before whole
NAME = re.compile(r"\w[\w.-]*")
WITHDRAWN, REMOVED = ".withdrawn-", ".removed"


def publish(run, models=MODELS, keep=KEEP, name=None):
    """Installs the newest export of a run as the next version of its model.

    Args:
        run: Run directory with an export.
        models: Models directory; created if it is missing.
        keep: Number of versions to keep; older ones are removed.
        name: Name of the model; by default that of `model_name`.

    Returns:
        The path of the new version.

    Raises:
        ValueError: If the run has no export, `keep` is below 1, the name has other
            characters than letters, digits, `-`, `_` and dots, or a model of this name
            has another app.
    """
    if keep < 1:
        raise ValueError(f"--keep: expected 1 or more. Received: {keep}.")
    exported = sorted(Path(run, EXPORTS).glob(f"*/*/{GRAPH}"), key=_number)
    if not exported:
        raise ValueError(
            f"{run}: it has no export. Create one with "
            "python -m experiments.TASK RECIPE export."
        )
    source = exported[-1].parent
    app = source.parent.name
    name = model_name(run, app) if name is None else name
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{run}: expected a model's name of letters, digits, -, _ and dots. "
            f"Received: {name}. Give one with --name."
        )
    model = Path(models, name)
    model.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(model):
        _record_app(model, app)
        number = max((*versions(model), *_withdrawn(model)), default=0) + 1
        _copy(source, model / str(number))
        for left in model.glob(f"{REMOVED}*"):  # of a killed publish
            shutil.rmtree(left)
        for old in versions(model)[:-keep]:
            _remove(model / str(old))
    write_config(models)
    return model / str(number)


def roll_back(name, models=MODELS):
    """Withdraws the newest version of a model, so that the previous one is served.

    Returns:
        The path of the version that is served now.

    Raises:
        ValueError: If the model has fewer than two versions.
    """
    model = Path(models, name)
    if not model.is_dir():
        raise ValueError(f"{model}: a rollback needs two versions. Received: 0.")
    with exclusive_lock(model):
        numbers = versions(model)
        if len(numbers) < 2:
            raise ValueError(
                f"{model}: a rollback needs two versions. Received: {len(numbers)}."
            )
        newest = model / str(numbers[-1])
        newest.rename(model / f"{WITHDRAWN}{numbers[-1]}")
        for number in _withdrawn(model)[:-1]:
            _remove(model / f"{WITHDRAWN}{number}")
    return model / str(numbers[-2])


def write_config(models):
    """Writes `models.config`, the list of models that TensorFlow Serving reads."""
    with exclusive_lock(models):
        return _write_config(models)


def _write_config(models):
    names = sorted(path.name for path in Path(models).iterdir() if versions(path))
    blocks = [
        f'  config {{\n    name: "{name}"\n    base_path: "{SERVED_FROM}/{name}"\n'
        '    model_platform: "tensorflow"\n'
        "    model_version_policy { latest { num_versions: "
        f"{LOADED_VERSIONS} }} }}\n  }}\n"
        for name in names
    ]
    path = Path(models, CONFIG)
    with atomic_write(path) as temporary:
        text = f"model_config_list {{\n{''.join(blocks)}}}\n"
        temporary.write_text(text, encoding="utf-8")
    return path


def _record_app(model, app):
    """Writes the app of a model beside its versions; refuses another than theirs."""
    record = model / APP
    before = record.read_text(encoding="utf-8") if record.is_file() else None
    if before == app:
        return
    if versions(model) and before:
        raise ValueError(
            f"{model}: its versions are models of {before}. Received: one of {app}, "
            "whose inputs differ. Give another name with --name."
        )
    with atomic_write(record) as temporary:
        temporary.write_text(app, encoding="utf-8")


def _copy(source, target):
    """Copies a version under a hidden name, then renames it, which is atomic."""
    temporary = target.with_name(f".{target.name}")
    shutil.rmtree(temporary, ignore_errors=True)  # of a killed publish
    try:
        shutil.copytree(source, temporary)
        temporary.rename(target)
    except shutil.Error as error:  # it holds a list with one entry per file
        raise OSError(f"{source}: copying failed: {error.args[0][0][-1]}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _number(saved_model):
    name = saved_model.parent.name
    return int(name) if re.fullmatch("[0-9]+", name) else -1


def _withdrawn(model):
    return sorted(
        int(path.name.removeprefix(WITHDRAWN)) for path in model.glob(f"{WITHDRAWN}*")
    )


def _remove(version):
    """Renames a version to a hidden name, which is atomic, then deletes it."""
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
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("run", nargs="?", type=Path, help="run directory with an export")
    task.add_argument(
        "--rollback", metavar="MODEL", help="withdraw the newest version of MODEL"
    )
    parser.add_argument(
        "--models", type=Path, default=MODELS, help="models directory (%(default)s)"
    )
    parser.add_argument(
        "--keep", type=int, metavar="N", help=f"versions to keep (default: {KEEP})"
    )
    parser.add_argument("--name", help="name of the model (default: see above)")
    options = parser.parse_args(arguments)
    with report_errors():
        if options.rollback:
            for flag in ("keep", "name"):
                if getattr(options, flag) is not None:
                    raise ValueError(
                        f"--{flag}: --rollback has no use for it. Leave it out."
                    )
            print(f"Now served: {roll_back(options.rollback, options.models)}")
        else:
            keep = KEEP if options.keep is None else options.keep
            path = publish(options.run, options.models, keep, options.name)
            new = ", a new model" if path.name == "1" else ""
            print(f"Published: {path}{new}")


if __name__ == "__main__":
    main()
