"""Finds exported models, loads them and replaces them by newer versions."""

import contextlib
import ctypes
import gc
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from serving.engine import RequestError
from serving.exports import conflict, find_exports, graph_of
from serving.formats import reason
from serving.onnx_engine import OnnxModel
from serving.tensorflow_engine import TensorFlowModel

# In order of preference: ONNX Runtime is faster and takes less memory.
ENGINES = {"onnx": OnnxModel, "tensorflow": TensorFlowModel}
AUTO = "auto"  # for each version the first engine that it has a graph for

log = logging.getLogger("carousel.serving")


class Models:
    """The loaded models by name; newer versions replace older ones.

    Args:
        find: Function that returns the paths of an export's versions by model name, in
            order of preference. The first version that loads is served.
        engine: Name of the engine, one of `ENGINES`.
    """

    def __init__(self, find, engine=AUTO):
        self._find, self._engine = find, engine
        self._models, self._failed = {}, {}
        self._stopped = threading.Event()

    def refresh(self):
        """Loads new versions and drops models whose directories are gone.

        If a version fails to load, such as an incomplete copy, the log and the status
        name the error and the previous version is served. It is loaded again when one
        of its files changes.
        """
        paths = self._find()
        engines = {self._class(path) for own in paths.values() for path in own[:1]}
        # With AUTO, a model that needs an engine that is not installed logs it.
        with contextlib.suppress(*[ValueError] * (self._engine == AUTO)):
            for engine in engines:
                engine.prepare()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self._refresh, paths, paths.values()))
        for name in set(self._models) - set(paths):
            log.warning("%s is gone", name)
            del self._models[name]
        for name in set(self._failed) - set(paths):
            del self._failed[name]

    def _class(self, path):
        """Returns the class of the model of a version."""
        first, *others = classes = classes_of(self._engine)
        graph = graph_of(path, [each.GRAPH for each in classes])
        return next((each for each in others if graph == each.GRAPH), first)

    def _refresh(self, name, paths):
        model, before = self._models.get(name), self._failed.pop(name, {})
        failed = self._failed[name] = {}
        for path in paths:
            files = _fingerprint(path)
            if model and model.loaded_from == (path, files):
                return
            if path in before and before[path][0] == files:
                failed[path] = before[path]
                continue
            try:
                new = self._class(path)(name, path)
                if _fingerprint(path) != files:
                    raise RuntimeError("Its files changed while it was loaded.")
            except Exception as error:  # a damaged file may raise anything
                failed[path] = (files, reason(error))
                log.error("%s cannot be loaded: %s", path, failed[path][1])
                continue
            new.loaded_from = (path, files)
            self._models[name] = new  # running requests keep the old one alive
            del model
            gc.collect()  # the old model contains reference cycles
            _release_memory()
            log.warning("%s, version %d of %s", name, new.version, path.parent)
            return

    def watch(self, seconds):
        """Calls `refresh` every `seconds` in a background thread, until `stop`."""

        def run():
            logged = None
            while not self._stopped.wait(seconds):
                try:
                    self.refresh()
                    logged = None
                except Exception as error:  # such as a directory that was removed
                    if logged != str(error):
                        log.error("looking for models: %s", error)
                    logged = str(error)

        threading.Thread(target=run, name="watch", daemon=True).start()

    def stop(self):
        """Stops the thread of `watch`."""
        self._stopped.set()

    def __iter__(self):
        """Returns an iterator over the loaded models, in the order of their names."""
        return iter([self._models[name] for name in sorted(self._models)])

    def serves(self, name):
        """Returns whether a model of this name is loaded."""
        return name in self._models

    def get(self, name, version=None):
        """Returns a loaded model.

        Args:
            name: Name of the model.
            version: Version number as text, or None for the loaded version.

        Raises:
            RequestError: If this model or version is not loaded.
        """
        model = self._models.get(name)
        if model is None or version not in (None, str(model.version)):
            which = (
                f"Latest({name})" if version is None else f"Specific({name}, {version})"
            )
            raise RequestError(404, f"Servable not found for request: {which}")
        return model

    def status(self, name, version=None):
        """Returns the states of a model's versions in TensorFlow Serving's form.

        Raises:
            RequestError: If there is no such model or version.
        """
        states = [
            _state(path.name, "END", "UNKNOWN", message)
            for path, (_, message) in self._failed.get(name, {}).items()
        ]
        if name in self._models:
            states.append(_state(self._models[name].version, "AVAILABLE", "OK", ""))
        if version is not None:
            states = [state for state in states if state["version"] == version]
        if not states:
            self.get(name, version)  # raises the error
        return {"model_version_status": states}


def _release_memory():
    """Returns freed memory to the operating system; glibc would keep it."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _state(version, state, code, message):
    return {
        "version": str(version),
        "state": state,
        "status": {"error_code": code, "error_message": message},
    }


def _fingerprint(path):
    """Returns names, sizes and times of a version's files; any change changes it."""
    files = ((file, file.stat()) for file in path.rglob("*") if file.is_file())
    return sorted((str(file), stat.st_size, stat.st_mtime_ns) for file, stat in files)


def find_models(places, engine=AUTO):
    """Returns the paths of each model's versions, by model name.

    The highest version comes first. Versions without a graph are skipped.

    Args:
        places: As for `find_exports`. Of several exports of one name only the first
            counts: another run is no version of the same model.
        engine: Name of the engine.
    """
    return _paths(find_exports(places, graphs_of(engine)))


def classes_of(engine):
    """Returns the classes of models for the name of an engine, or for `AUTO`."""
    return list(ENGINES.values()) if engine == AUTO else [ENGINES[engine]]


def graphs_of(engine):
    """Returns the files that an engine runs, of a version, in order of preference."""
    return tuple(model.GRAPH for model in classes_of(engine))


class Finder:
    """A function that finds models as `find_models` does, and logs conflicts of names.

    It logs a conflict again only when other runs take part in it.

    Args:
        places: As for `find_exports`.
        engine: Name of the engine.

    Attributes:
        apps: The app of each model that was found last, by name.
    """

    def __init__(self, places, engine=AUTO):
        self._places, self._graphs = places, graphs_of(engine)
        self._logged, self.apps = set(), {}

    def __call__(self):
        """Returns the paths of each model's versions, by model name."""
        exports = find_exports(self._places, self._graphs)
        messages = set(filter(None, map(conflict, exports.values())))
        for message in sorted(messages - self._logged):
            log.warning("%s", message)
        self._logged = messages
        self.apps = {name: same_name[0].app for name, same_name in exports.items()}
        return _paths(exports)


def _paths(exports):
    return {name: same_name[0].versions for name, same_name in exports.items()}
