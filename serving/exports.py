"""Finds exported models in directories, and gives each its name.

A run directory has its model in `export/<app>/<version>/`, a models directory (such as
publish.py makes) in `<model>/<version>/`.
"""

import functools
import logging
import os
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from apps.common.portable.description import entry, read_json
from apps.common.portable.run_files import EXPLANATIONS, EXPORTS, LOGS
from apps.common.portable.versions import GRAPH, ONNX, versions

RUNS = "runs"  # where the experiments write
NAMED = re.compile(r"([^/=:]+)=(.+)")
MAX_LISTED = 5
GRAPHS = (ONNX, GRAPH)  # a version has at least one of them; the first is served
ADVICE = {  # for a version that lacks one graph and has the other
    GRAPH: "Serve it with --engine onnx.",
    ONNX: "Delete it and export its run again (python -m experiments.{app} RUN "
    "export), or serve it with --engine tensorflow.",
}
APP = ".app"  # file in a model's directory of a models directory: the app's name
log = logging.getLogger("carousel.serving")


class Export(NamedTuple):
    """An exported model.

    Attributes:
        name: Name under which it is served.
        app: Name of its app; the same as `name` if its directory does not say.
        directory: Its run directory, or its directory in a models directory.
        versions: Paths of its complete versions, the highest first.
        given: Whether its name was given as `NAME=DIRECTORY`.
    """

    name: str
    app: str
    directory: Path
    versions: list
    given: bool = False


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


def find_exports(places, graphs=GRAPHS):
    """Returns the exported models by name, a list of `Export` for each.

    If several exports have one name, one whose name was given comes first, then the one
    that was written last. A directory that cannot be read is left out and logged, as is
    an export whose name has a colon: no path of the REST API can name it.

    Args:
        places: Run directories, models directories, directories of a model, or
            directories with runs at any depth. `NAME=DIRECTORY` gives the model in it
            another name.
        graphs: Files of which a version has to have one, relative to it. A version that
            only has the graph of another engine is logged.

    Raises:
        ValueError: If a name is given to several models.
    """
    exports = {}
    for place in map(str, places):
        for export in _at(place, graphs):
            if ":" in export.name:
                _log_once(
                    f"{export.directory} is not served: no client can ask a model with "
                    "a colon in its name. Give another name: python -m serving.server "
                    + shlex.quote(f"OTHER-NAME={export.directory}")
                )
                continue
            same_name = exports.setdefault(export.name, {})
            key = os.path.realpath(export.versions[0])
            if export.given or key not in same_name:
                same_name[key] = export
    return {
        name: sorted(
            same_name.values(), key=lambda e: (not e.given, -_written(e, graphs))
        )
        for name, same_name in exports.items()
    }


def conflict(exports):
    """Returns the message for several exports of one name, or None for one.

    Args:
        exports: List of `Export`, the one that is served first.
    """
    first, *others = exports
    if not others:
        return None
    paths = [str(export.directory) for export in others]
    more = len(paths) - MAX_LISTED
    listed = ", ".join(paths[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
    why = "was named on the command line" if first.given else "is the newest"
    both = (f"{first.name}={paths[0]}", f"OTHER-NAME={first.directory}")
    return (
        f"{first.name}: {len(exports)} exports have this name. Used: "
        f"{first.directory}, which {why}; not used: {listed}. To serve one, or both: "
        f"python -m serving.server {' '.join(map(shlex.quote, both))}"
    )


def _at(place, graphs):
    """Returns the exports in a place, under a name if the place gives one."""
    named = None if os.path.exists(place) else NAMED.fullmatch(place)
    return _named(*named.groups(), graphs) if named else _exports(Path(place), graphs)


def _named(name, directory, graphs):
    """Returns the exports in a directory under a name that was given for them."""
    exports = _exports(Path(directory), graphs)
    models = sorted({(export.name, export.app) for export in exports})
    if len(models) > 1:
        listed = ", ".join(each for each, _ in models[:MAX_LISTED])
        raise ValueError(
            f"{name}={directory}: expected a directory with one model. Received: "
            f"{len(models)}, such as {listed}. Name the directory of one of them."
        )
    return [export._replace(name=name, given=True) for export in exports]


def _exports(directory, graphs):
    """Returns the exports in a models directory, a run, or a directory with runs."""
    models = _models(_list(directory), graphs) or _models([directory], graphs)
    if models:
        return [
            Export(path.name, _app(path), path, complete) for path, complete in models
        ]
    return [
        Export(model_name(run, path.name), path.name, run, complete)
        for run, models in _runs(directory, graphs)
        for path, complete in models
    ]


def _runs(directory, graphs):
    """Yields each run directory with an export, and the models in it."""
    visited = set()  # a link may lead back
    for path, folders, _ in os.walk(directory, onerror=_skip, followlinks=True):
        exports = _list(Path(path, EXPORTS)) if EXPORTS in folders else []
        models = _models(exports, graphs)
        if models:
            yield Path(path), models
        real = os.path.realpath(path)
        if real in visited:
            folders.clear()
        visited.add(real)
        own = (EXPORTS, EXPLANATIONS, LOGS) if models else ()
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in own
        )


def _models(paths, graphs):
    """Returns pairs of a model's directory and its complete versions, highest first."""
    models = []
    for path in paths:
        try:
            numbered = [path / str(number) for number in reversed(versions(path))]
            complete = [version for version in numbered if graph_of(version, graphs)]
            _log_lacking(path, numbered, graphs)
        except OSError as error:
            _skip(error)
            continue
        if complete:
            models.append((path, complete))
    return models


def graph_of(version, graphs=GRAPHS):
    """Returns the first of the files that a version has, relative to it, or None."""
    return next((graph for graph in graphs if (version / graph).exists()), None)


def _log_lacking(model, numbered, graphs):
    """Logs if the newest version of a model has the graph of another engine alone."""
    for version in numbered:
        if graph_of(version, graphs):
            return
        if graph_of(version):
            (graph,) = graphs
            advice = ADVICE[graph].format(app=_app(model))
            _log_once(f"{version} is not served: it has no {graph}. {advice}")
            return


def _list(directory):
    try:
        return sorted(directory.iterdir()) if directory.is_dir() else []
    except OSError as error:
        _skip(error)
        return []


def _app(model):
    """Returns the app of a model in a models directory.

    The file `.app` has it, or the description of the newest version whose `onnx/` has
    one that can be read. Else the app is called like the model.
    """
    path = model / APP
    if path.is_file():
        return path.read_text(encoding="utf-8").strip()
    for number in reversed(versions(model)):
        path = model / str(number) / ONNX
        try:
            return entry(read_json(path), "app", str, path)
        except ValueError:  # a damaged one is reported when it is loaded
            continue
    return model.name


def _skip(error):
    if not isinstance(error, FileNotFoundError):  # removed meanwhile
        _log_once(f"{error.filename} is left out: {error.strerror}.")


@functools.cache
def _log_once(message):
    log.warning("%s", message)


def _written(export, graphs):
    version = export.versions[0]
    return (version / graph_of(version, graphs)).stat().st_mtime
