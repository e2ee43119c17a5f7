"""A gRPC server with TensorFlow Serving's services, in the process of the test."""

import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

MAX_BATCH_SIZE = 64  # in batching_params.pbtxt of our exports
HANG_S = 1.0


class RefusalError(Exception):
    """An error of TensorFlow Serving: the name of a status code, and a message."""

    def __init__(self, code, words, headers=()):
        super().__init__(words)
        self.code, self.headers = code, dict(headers)


class Models:
    """SavedModels in `<directory>/<model>/<version>`, and calls on them.

    Attributes:
        calls: The verbs of all calls so far.
        faults: Errors that the next calls raise, one each, instead of an answer.
        delay_s: Seconds that each call takes.
        hidden: Versions that are not served, `(model, number)`.
    """

    def __init__(self, directory):
        self._paths = {
            (path.parent.name, int(path.name)): path
            for path in Path(directory).glob("*/*")
        }
        self._loaded = {
            which: tf.saved_model.load(str(path)) for which, path in self._paths.items()
        }
        self._lock = threading.Lock()
        self.reset()

    def reset(self):
        self.calls, self.faults, self.delay_s, self.hidden = [], [], 0, set()

    def count(self, verb):
        return self.calls.count(verb)

    def begin(self, verb):
        """Records a call, waits `delay_s`, and raises the next fault, if any."""
        with self._lock:
            self.calls.append(verb)
            fault = self.faults.pop(0) if self.faults else None
        time.sleep(self.delay_s)
        if fault is not None:
            raise fault

    def versions(self, model):
        numbers = [n for name, n in set(self._paths) - self.hidden if name == model]
        return sorted(numbers, reverse=True)

    def find(self, model, version):
        """Returns the requested version, `(model, number)`."""
        numbers = self.versions(model)
        if not numbers or version not in (None, *numbers):
            which = f"Latest({model})" if version is None else "Specific"
            raise RefusalError(
                "NOT_FOUND",
                f"Servable not found for request: {which}"
                + ("" if version is None else f"({model}, {version})"),
            )
        return model, numbers[0] if version is None else version

    def states(self, model, version):
        numbers = self.versions(model)
        if not numbers or version not in (None, *numbers):
            words = f"Could not find any versions of model {model}"
            raise RefusalError("NOT_FOUND", words)
        return numbers if version is None else [version]

    def signature_defs(self, which):
        """Returns the signature definitions of the SavedModel."""
        message = saved_model_pb2.SavedModel()
        message.ParseFromString((self._paths[which] / "saved_model.pb").read_bytes())
        return dict(message.meta_graphs[0].signature_def)

    def specs(self, which, signature):
        known = self._loaded[which].signatures
        if signature not in known:
            words = f'Serving signature name: "{signature}" not found in signature def'
            raise RefusalError("FAILED_PRECONDITION", words)
        return known[signature].structured_input_signature[1]

    def run(self, which, signature, tensors):
        """Returns the outputs of a signature, tensors by name.

        As a batching TensorFlow Serving it refuses more than `MAX_BATCH_SIZE` rows and
        leaves a batch of zero rows unanswered, here for `HANG_S` seconds.
        """
        specs = self.specs(which, signature)
        if set(tensors) != set(specs):
            words = f"input size does not match signature: {sorted(tensors)}"
            raise RefusalError("INVALID_ARGUMENT", words)
        for name, spec in specs.items():
            tensor = tensors[name]
            fits = spec.shape.is_compatible_with(tensor.shape)
            if tensor.dtype != spec.dtype or not fits:
                raise RefusalError("INVALID_ARGUMENT", f"{name} does not match {spec}")
        size = max(int(tensor.shape[0]) for tensor in tensors.values())
        if not size:
            time.sleep(HANG_S)
            raise RefusalError("DEADLINE_EXCEEDED", "Deadline Exceeded")
        if size > MAX_BATCH_SIZE:
            words = f"Task size {size} is larger than maximum input batch size"
            raise RefusalError("INVALID_ARGUMENT", f"{words} {MAX_BATCH_SIZE}")
        try:
            return self._loaded[which].signatures[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise RefusalError("INVALID_ARGUMENT", str(error)) from None


class GrpcServer(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """Serves `Models` at `address`; a context manager."""

    def __init__(self, models, port=0):
        self._models = models
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        add = prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server
        add(self, self._server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self.address = f"grpc://127.0.0.1:{self.port}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._server.start()

    def stop(self):
        self._server.stop(None).wait()

    def Predict(self, request, context):  # noqa: N802
        def answer(model, version):
            which = self._models.find(model, version)
            tensors = {
                name: tf.constant(tf.make_ndarray(value))
                for name, value in request.inputs.items()
            }
            signature = request.model_spec.signature_name or "serving_default"
            answer = predict_pb2.PredictResponse()
            for name, value in self._models.run(which, signature, tensors).items():
                answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            return answer

        return self._answer("predict", request, context, answer)

    def GetModelMetadata(self, request, context):  # noqa: N802
        def answer(model, version):
            if list(request.metadata_field) != ["signature_def"]:
                raise RefusalError("INVALID_ARGUMENT", "Metadata field is unsupported")
            which = self._models.find(model, version)
            definitions = get_model_metadata_pb2.SignatureDefMap(
                signature_def=self._models.signature_defs(which)
            )
            answer = get_model_metadata_pb2.GetModelMetadataResponse()
            answer.metadata["signature_def"].Pack(definitions)
            return answer

        return self._answer("metadata", request, context, answer)

    def GetModelStatus(self, request, context):  # noqa: N802
        def answer(model, version):
            answer = get_model_status_pb2.GetModelStatusResponse()
            for number in self._models.states(model, version):
                available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
                answer.model_version_status.add(version=number, state=available)
            return answer

        return self._answer("status", request, context, answer)

    def _answer(self, verb, request, context, answer):
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        try:
            self._models.begin(verb)
            return answer(spec.name, version)
        except RefusalError as error:
            context.abort(getattr(grpc.StatusCode, error.code), str(error))
