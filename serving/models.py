"""Exported models in memory: found, loaded, watched for newer versions."""

import ctypes
import functools
import gc
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from google.protobuf import json_format

from apps.common.portable.versions import GRAPH, WARMUP, versions
from serving.formats import DEFAULT_SIGNATURE, RequestError, reason

log = logging.getLogger("carousel.serving")


def _tensorflow():
    """Returns TensorFlow, loaded when it is needed, and quiet.

    It is loaded without Keras, which no SavedModel needs: with the packages that Keras
    would load, a hundred megabytes and a third of the time.
    """
    with_keras = "tensorflow" in sys.modules or "keras" in sys.modules
    if not with_keras:
        sys.modules["keras"] = None  # an import of it now fails, and is passed over
    try:
        import tensorflow as tf
    finally:
        if not with_keras:
            del sys.modules["keras"]
    tf.get_logger().setLevel("ERROR")  # else it calls the loader deprecated
    return tf


def _session():
    """Returns a session that optimizes a graph once and keeps no copy of it.

    TensorFlow does so twice by default, and keeps a copy for whoever asks for it.
    """
    tf = _tensorflow()
    config = tf.compat.v1.ConfigProto()
    rewrites = config.graph_options.rewrite_options
    rewrites.meta_optimizer_iterations = rewrites.ONE
    config.experimental.disable_output_partition_graphs = True
    return tf.compat.v1.Session(graph=tf.Graph(), config=config)


def _give_back_memory():
    """Gives the system what loading needed for a moment; glibc alone would keep it."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


class Signature:
    """One function of a model.

    Attributes:
        inputs: `tf.TensorSpec` by name.
        joins: Whether requests may be answered together: nothing in the answer to a row
            has a size that its neighbours could change.
    """

    def __init__(self, session, definition):
        tf = _tensorflow()
        self._refused = (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError)
        self._exhausted = tf.errors.ResourceExhaustedError
        self.inputs = {
            name: tf.TensorSpec(tf.TensorShape(info.tensor_shape), info.dtype)
            for name, info in sorted(definition.inputs.items())
        }
        self._outputs = sorted(definition.outputs)
        shapes = [
            tf.TensorShape(definition.outputs[name].tensor_shape)
            for name in self._outputs
        ]
        self.joins = all(
            shape.rank and shape[1:].is_fully_defined() for shape in shapes
        )
        graph = session.graph
        self._run = session.make_callable(
            [
                graph.get_tensor_by_name(definition.outputs[name].name)
                for name in self._outputs
            ],
            [
                graph.get_tensor_by_name(definition.inputs[name].name)
                for name in self.inputs
            ],
        )

    def __call__(self, arrays):
        """Returns arrays by the name of the output, for arrays by that of the input.

        Raises:
            RequestError: If the graph refuses the input.
        """
        try:
            outputs = self._run(*(arrays[name] for name in self.inputs))
        except self._refused as error:
            raise RequestError(400, reason(error.message)) from None
        except self._exhausted as error:
            said = reason(error.message)
            raise RequestError(413, f"Too large to compute: {said}") from None
        return dict(zip(self._outputs, outputs, strict=True))


class Model:
    """One version of an exported model, loaded.

    It runs in a session, as in TensorFlow Serving: what `tf.saved_model.load` takes, it
    never gives back, so that each new version would add to the memory of the server.
    """

    def __init__(self, name, path):
        """Loads the SavedModel at `path` and runs its warm-up requests."""
        tf = _tensorflow()
        self.name, self.path, self.version = name, Path(path), int(Path(path).name)
        session = _session()
        with session.graph.as_default():
            loader = tf.compat.v1.saved_model.loader
            loaded = loader.load(session, ["serve"], str(path))
            self.signatures = {
                key: Signature(session, definition)
                for key, definition in sorted(loaded.signature_def.items())
                if not key.startswith("__")
            }
        self._warm_up()

    def signature(self, name):
        """Returns the signature of a name.

        Raises:
            RequestError: If there is none.
        """
        if name not in self.signatures:
            known = ", ".join(self.signatures)
            raise RequestError(
                400, f'Serving signature name: "{name}" not found. Known: {known}.'
            )
        return self.signatures[name]

    @functools.cached_property
    def metadata(self):
        """Names, types and shapes of inputs and outputs, as a dictionary."""
        from tensorflow.core.protobuf import saved_model_pb2
        from tensorflow_serving.apis import get_model_metadata_pb2

        content = saved_model_pb2.SavedModel()
        content.ParseFromString((self.path / GRAPH).read_bytes())
        known = get_model_metadata_pb2.SignatureDefMap()
        for name, one in content.meta_graphs[0].signature_def.items():
            if name in self.signatures:
                known.signature_def[name].CopyFrom(one)
        return {
            "model_spec": {
                "name": self.name,
                "signature_name": "",
                "version": str(self.version),
            },
            "metadata": {
                "signature_def": json_format.MessageToDict(
                    known,
                    preserving_proto_field_name=True,
                    always_print_fields_with_no_presence=True,
                )
            },
        }

    def _warm_up(self):
        from tensorflow_serving.apis import prediction_log_pb2

        tf = _tensorflow()
        requests = self.path / WARMUP
        if not requests.exists():
            return
        for record in tf.compat.v1.io.tf_record_iterator(str(requests)):
            log_ = prediction_log_pb2.PredictionLog.FromString(record)
            request = log_.predict_log.request
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            self.signature(name)(
                {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            )


class Models:
    """The models that are served, by name; newer versions replace older ones.

    Args:
        find: Returns the paths of versions by the name of the model. The first one that
            can be loaded is served.
    """

    def __init__(self, find):
        self._find = find
        self._models, self._failed = {}, {}
        self._stopped = threading.Event()

    def refresh(self):
        """Loads what is new and drops what is gone.

        A version that cannot be loaded, such as a half one, is told in the log and in
        the status; the one before it serves. It is tried again when a file changes.
        """
        found = self._find()
        if found:
            _tensorflow()  # before several threads load it at once
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self._refresh, found, found.values()))
        for name in set(self._models) - set(found):
            log.warning("%s is gone", name)
            del self._models[name]
        for name in set(self._failed) - set(found):
            del self._failed[name]

    def _refresh(self, name, paths):
        model, before = self._models.get(name), self._failed.pop(name, {})
        failed = self._failed[name] = {}
        for path in paths:
            written = _written(path)
            if model and model.written == (path, written):
                return
            if path in before and before[path][0] == written:
                failed[path] = before[path]
                continue
            try:
                new = Model(name, path)
                if _written(path) != written:
                    raise RuntimeError("It changed while it was loaded.")
            except Exception as error:  # whatever a broken file makes TensorFlow raise
                failed[path] = (written, reason(error))
                log.error("%s cannot be loaded: %s", path, failed[path][1])
                continue
            new.written = (path, written)
            self._models[name] = new  # requests under way keep the old one alive
            del model
            gc.collect()  # the old one has cycles in it
            _give_back_memory()
            log.warning("%s, version %d of %s", name, new.version, path.parent)
            return

    def watch(self, seconds):
        """Refreshes every so many seconds, in a thread of its own, until `stop`."""

        def run():
            while not self._stopped.wait(seconds):
                try:
                    self.refresh()
                except OSError as error:  # a directory that goes while it is read
                    log.error("looking for models: %s", error)

        threading.Thread(target=run, name="watch", daemon=True).start()

    def stop(self):
        """Ends watching."""
        self._stopped.set()

    def __iter__(self):
        """Returns an iterator over the loaded models, in the order of their names."""
        return iter([self._models[name] for name in sorted(self._models)])

    def get(self, name, version=None):
        """Returns a model.

        Args:
            name: Its name.
            version: Its number, as text; else the version that is served.

        Raises:
            RequestError: If it is not served.
        """
        model = self._models.get(name)
        if model is None or version not in (None, str(model.version)):
            which = (
                f"Latest({name})" if version is None else f"Specific({name}, {version})"
            )
            raise RequestError(404, f"Servable not found for request: {which}")
        return model

    def status(self, name, version=None):
        """Returns the states of a model's versions, as TensorFlow Serving gives them.

        Raises:
            RequestError: If there is none.
        """
        states = [
            _state(path.name, "END", "UNKNOWN", said)
            for path, (_, said) in self._failed.get(name, {}).items()
        ]
        if name in self._models:
            states.append(_state(self._models[name].version, "AVAILABLE", "OK", ""))
        if version is not None:
            states = [state for state in states if state["version"] == version]
        if not states:
            self.get(name, version)  # says what is not found
        return {"model_version_status": states}


def _state(version, state, code, message):
    return {
        "version": str(version),
        "state": state,
        "status": {"error_code": code, "error_message": message},
    }


def _written(path):
    """Returns what tells whether a file of a version has changed."""
    files = ((file, file.stat()) for file in path.rglob("*") if file.is_file())
    return sorted((str(file), of.st_size, of.st_mtime_ns) for file, of in files)


def find_models(directories):
    """Returns the paths of the exported versions of each model, by name.

    The highest number comes first; a version without a graph is none yet.

    Args:
        directories: Export directories, `<model>/<version>/saved_model.pb` in each.
            Where several hold the same model, what was written last comes first.
    """
    found = {}
    for directory in map(Path, directories):
        for path in sorted(directory.iterdir()) if directory.is_dir() else ():
            whole = [path / str(number) for number in reversed(versions(path))]
            whole = [version for version in whole if (version / GRAPH).exists()]
            if whole:
                found.setdefault(path.name, []).append(whole)
    for several in found.values():
        several.sort(key=lambda paths: -(paths[0] / GRAPH).stat().st_mtime)
    return {name: list(chain(*several)) for name, several in found.items()}
