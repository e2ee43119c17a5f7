"""Loads one version of an exported model and runs its signatures."""

import ctypes
import functools
import sys
from pathlib import Path

import numpy as np
from google.protobuf import json_format

from apps.common.portable.versions import GRAPH, WARMUP
from serving.formats import DEFAULT_SIGNATURE, RequestError, reason

MAX_BATCH_ROWS = 64  # computed at once, as by TensorFlow Serving


def load_tensorflow():
    """Imports TensorFlow without Keras and with a quiet logger; returns it.

    No SavedModel needs Keras. Without Keras and its dependencies the import takes two
    thirds of the time and 100 MB less memory.
    """
    with_keras = "tensorflow" in sys.modules or "keras" in sys.modules
    if not with_keras:
        sys.modules["keras"] = None  # TensorFlow ignores that the import fails
    try:
        import tensorflow as tf
    finally:
        if not with_keras:
            del sys.modules["keras"]
    tf.get_logger().setLevel("ERROR")  # no deprecation warning of the loader
    return tf


def release_memory():
    """Returns freed memory to the operating system; glibc would keep it."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _session():
    """Returns a session that optimizes a graph once and keeps no copy of it.

    By default TensorFlow optimizes twice, and keeps the partitioned graphs.
    """
    tf = load_tensorflow()
    config = tf.compat.v1.ConfigProto()
    rewrites = config.graph_options.rewrite_options
    rewrites.meta_optimizer_iterations = rewrites.ONE
    config.experimental.disable_output_partition_graphs = True
    return tf.compat.v1.Session(graph=tf.Graph(), config=config)


class Signature:
    """One function of a model.

    Attributes:
        inputs: `tf.TensorSpec` by name.
        joins: Whether requests may be batched. They may if every output has a batch
            dimension and fixed sizes after it, so that no row can change the shape of
            another row's outputs.
    """

    def __init__(self, session, definition):
        tf = load_tensorflow()
        self._refusals = (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError)
        self._out_of_memory = tf.errors.ResourceExhaustedError
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
        """Computes the outputs, arrays by name, from the inputs, arrays by name.

        At most `MAX_BATCH_ROWS` rows are computed at once, since one long row makes all
        rows beside it as long. More are computed in slices if requests may be joined.

        Raises:
            RequestError: If the graph refuses the input, if memory does not suffice, or
                if there are more rows and the outputs of slices cannot be joined.
        """
        batched = [
            name
            for name, spec in self.inputs.items()
            if spec.shape.rank and spec.shape[0] is None
        ]
        rows = max((len(arrays[name]) for name in batched), default=0)
        if rows <= MAX_BATCH_ROWS:
            return self.compute(arrays)
        parts, sizes = [], []
        while self.joins and sum(sizes) < rows:
            start = sum(sizes)
            stop = min(start + MAX_BATCH_ROWS, rows)
            part = {name: arrays[name][start:stop] for name in batched}
            parts.append(self.compute({**arrays, **part}))
            sizes.append(stop - start)
            if any(len(value) != sizes[-1] for value in parts[-1].values()):
                self.joins = False  # its outputs have no batch dimension
        if not self.joins:
            raise RequestError(
                400,
                f"Expected at most {MAX_BATCH_ROWS} rows, since the outputs of several "
                f"calls cannot be joined. Received: {rows}. Send several requests.",
            )
        return {
            name: np.concatenate([part[name] for part in parts]) for name in parts[0]
        }

    def compute(self, arrays):
        """Computes the outputs for all rows at once.

        Raises:
            RequestError: If the graph refuses the input or memory does not suffice.
        """
        try:
            outputs = self._run(*(arrays[name] for name in self.inputs))
        except self._refusals as error:
            raise RequestError(400, reason(error.message)) from None
        except UnicodeDecodeError:  # the message quotes bytes of the input
            raise RequestError(
                400, "The model refuses the input, in a message that is not UTF-8."
            ) from None
        except self._out_of_memory as error:
            message = f"Too large to compute: {reason(error.message)}"
            raise RequestError(413, message) from None
        arrays = [  # an output without dimensions is a number or bytes
            np.asarray(output, object if isinstance(output, bytes) else None)
            for output in outputs
        ]
        return dict(zip(self._outputs, arrays, strict=True))


class Model:
    """One loaded version of an exported model.

    It runs in a session, as in TensorFlow Serving. `tf.saved_model.load` never frees
    its memory, so the server would grow with each new version.
    """

    def __init__(self, name, path):
        """Loads the SavedModel at `path` and runs its warm-up requests."""
        tf = load_tensorflow()
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
            RequestError: If the model has no such signature.
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
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in content.meta_graphs[0].signature_def.items():
            if name in self.signatures:
                signatures.signature_def[name].CopyFrom(definition)
        return {
            "model_spec": {
                "name": self.name,
                "signature_name": "",
                "version": str(self.version),
            },
            "metadata": {
                "signature_def": json_format.MessageToDict(
                    signatures,
                    preserving_proto_field_name=True,
                    always_print_fields_with_no_presence=True,
                )
            },
        }

    def _warm_up(self):
        from tensorflow_serving.apis import prediction_log_pb2

        tf = load_tensorflow()
        requests = self.path / WARMUP
        if not requests.exists():
            return
        for record in tf.compat.v1.io.tf_record_iterator(str(requests)):
            entry = prediction_log_pb2.PredictionLog.FromString(record)
            request = entry.predict_log.request
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            self.signature(name).compute(
                {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            )
