"""Finds exported models in directories, and gives each its name.

A run directory has its model in `export/<app>/<version>/`, a models directory (such as
publish.py makes) in `<model>/<version>/`.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

from apps.common.portable.run_files import EXPORTS
from apps.common.portable.versions import GRAPH, versions

RUNS = "runs"  # where the experiments write
NAMED = re.compile(r"([^/=:]+)=(.+)")
MAX_LISTED = 5


class Export(NamedTuple):
    """An exported model.

    Attributes:
        name: Name under which it is served.
        app: Name of its app; in a models directory the same as `name`.
        directory: Its run directory or models directory.
        versions: Paths of its complete versions, the highest first.
    """

    name: str
    app: str
    directory: Path
    versions: list


def model_name(run, app):
    """Returns the name under which a run's model is served.

    It is the app's name if the run is in a recipe's own directory,
    `<app>/<recipe>/seed-<n>`, else the name of the run directory:

    >>> model_name("runs/sentiment/imdb/seed-1", "sentiment")
    'sentiment'
    >>> model_name("runs/my-reviews", "sentiment")
    'my-reviews'
    """
    path = Path(os.path.abspath(run))
    own = path.parent.parent.name == app and re.match(r"seed-\d", path.name)
    return app if own else path.name


def find_exports(places):
    """Returns the exported models by name, a list of `Export` for each.

    If several runs have one name, the export that was written last comes first.

    Args:
        places: Run directories, models directories, or directories with runs at any
            depth. `NAME=DIRECTORY` gives the models in it another name.
    """
    exports = {}
    for place in map(str, places):
        named = None if os.path.exists(place) else NAMED.fullmatch(place)
        for export in _exports(Path(named[2] if named else place)):
            name = named[1] if named else export.name
            same_name = exports.setdefault(name, {})
            key = os.path.realpath(export.versions[0])
            same_name.setdefault(key, export._replace(name=name))
    return {
        name: sorted(same_name.values(), key=lambda e: -_written(e))
        for name, same_name in exports.items()
    }


def conflict(exports):
    """Returns the message for several exports of one name, or None for one.

    Args:
        exports: List of `Export`, the one that is served first.
    """
    served, *others = (str(export.directory) for export in exports)
    if not others:
        return None
    more = len(others) - MAX_LISTED
    listed = ", ".join(others[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
    return (
        f"{exports[0].name}: {served} is served, the newest export of this name; not "
        f"served: {listed}. To serve one, or both: python -m serving.server "
        f"{others[0]} OTHER-NAME={served}"
    )


def _exports(directory):
    """Returns the exports in a models directory, a run, or a directory with runs."""
    models = _models(directory)
    if models:
        return [Export(name, name, directory, paths) for name, paths in models]
    return [
        Export(model_name(run, app), app, run, paths)
        for run, models in _runs(directory)
        for app, paths in models
    ]


def _runs(directory):
    """Yields each run directory with an export, and the models in it."""
    visited = set()  # a link may lead back
    for path, folders, _ in os.walk(directory, followlinks=True):
        models = _models(Path(path, EXPORTS)) if EXPORTS in folders else []
        if models:
            yield Path(path), models
        real = os.path.realpath(path)
        if models or real in visited:
            folders.clear()
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))


def _models(directory):
    """Returns pairs of a model's name and its complete versions, the highest first."""
    models = []
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        numbered = [path / str(number) for number in reversed(versions(path))]
        complete = [version for version in numbered if (version / GRAPH).exists()]
        if complete:
            models.append((path.name, complete))
    return models


def _written(export):
    return (export.versions[0] / GRAPH).stat().st_mtime
