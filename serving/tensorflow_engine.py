"""The engine TensorFlow: runs the SavedModel of an exported version in a session."""

import sys

import numpy as np

from apps.common.portable.versions import GRAPH, WARMUP
from serving.engine import DEFAULT_SIGNATURE, Model, RequestError, Signature
from serving.formats import reason
from serving.specs import Spec


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


def signature_of(session, definition):
    """Returns the `Signature` that runs a SignatureDef in a session."""
    tf = load_tensorflow()
    sides = {"inputs": definition.inputs, "outputs": definition.outputs}
    specs = {
        side: {name: _spec(infos[name]) for name in sorted(infos)}
        for side, infos in sides.items()
    }
    tensors = {
        side: {name: infos[name].name for name in specs[side]}
        for side, infos in sides.items()
    }
    find = session.graph.get_tensor_by_name
    run = session.make_callable(
        [find(tensor) for tensor in tensors["outputs"].values()],
        [find(tensor) for tensor in tensors["inputs"].values()],
    )

    def compute(arrays):
        try:
            outputs = run(*(arrays[name] for name in specs["inputs"]))
        except (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError) as error:
            raise RequestError(400, reason(error.message)) from None
        except UnicodeDecodeError:  # the message quotes bytes of the input
            raise RequestError(
                400, "The model refuses the input, in a message that is not UTF-8."
            ) from None
        except tf.errors.ResourceExhaustedError as error:
            message = f"Too large to compute: {reason(error.message)}"
            raise RequestError(413, message) from None
        arrays = [  # an output without dimensions is a number or bytes
            np.asarray(output, object if isinstance(output, bytes) else None)
            for output in outputs
        ]
        return dict(zip(specs["outputs"], arrays, strict=True))

    return Signature(specs["inputs"], specs["outputs"], compute, tensors)


def _spec(info):
    tf = load_tensorflow()
    shape = tf.TensorShape(info.tensor_shape)
    sizes = None if shape.rank is None else tuple(shape.as_list())
    return Spec(tf.as_dtype(info.dtype).name, sizes)


class TensorFlowModel(Model):
    """One loaded version of a SavedModel.

    It runs in a session, as in TensorFlow Serving. `tf.saved_model.load` never frees
    its memory, so the server would grow with each new version.
    """

    GRAPH = GRAPH

    @classmethod
    def prepare(cls):
        """Imports TensorFlow."""
        try:
            load_tensorflow()
        except ModuleNotFoundError:
            raise ValueError(
                "--engine tensorflow: TensorFlow is not installed. "
                "`pip install -r requirements.txt` installs it; --engine onnx needs "
                "none."
            ) from None

    def load(self):
        """Loads the SavedModel into a session; returns its signatures by name."""
        tf = load_tensorflow()
        session = _session()
        with session.graph.as_default():
            loader = tf.compat.v1.saved_model.loader
            loaded = loader.load(session, ["serve"], str(self.path))
            return {
                key: signature_of(session, definition)
                for key, definition in loaded.signature_def.items()
                if not key.startswith("__")
            }

    def warm_up(self):
        """Runs the warm-up requests of the version."""
        requests = self.path / WARMUP
        if not requests.exists():
            return
        from tensorflow_serving.apis import prediction_log_pb2

        tf = load_tensorflow()
        for record in tf.compat.v1.io.tf_record_iterator(str(requests)):
            entry = prediction_log_pb2.PredictionLog.FromString(record)
            request = entry.predict_log.request
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            self.signature(name).compute(
                {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            )
