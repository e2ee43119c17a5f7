"""The gRPC transport: TensorFlow Serving's API, one attempt at a time."""

import grpc
from google.protobuf.json_format import MessageToDict
from tensorflow import make_ndarray, make_tensor_proto
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from serving.client.transport import AttemptError, TimeUpError, one_line, read_outputs

MAX_MESSAGE_BYTES = 1 << 28  # gRPC's default is 4 MiB
START = (
    "Is it running? `docker compose -f serving/compose.yaml up` starts one; the server "
    "of `make serve` has REST only."
)


class Grpc:
    """One gRPC channel, which threads may share.

    Args:
        target: `HOST:PORT`.
        backoff_s: Seconds before the channel first reconnects; at least 0.1.
    """

    def __init__(self, target, backoff_s):
        wait_ms = max(100, round(1000 * backoff_s))  # gRPC's minimum
        options = {
            "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
            "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
            "grpc.initial_reconnect_backoff_ms": wait_ms,
            "grpc.min_reconnect_backoff_ms": wait_ms,
        }
        self._channel = grpc.insecure_channel(target, list(options.items()))
        predicting = PredictionServiceStub(self._channel)
        models = ModelServiceStub(self._channel)
        self._predict, self._metadata = predicting.Predict, predicting.GetModelMetadata
        self._status = models.GetModelStatus

    def predict(self, model, version, signature, arrays, outputs, timeout_s):
        """Returns output arrays by name, of the types in `outputs`, `Spec` by name."""
        request = _request(PredictRequest, model, version)
        request.model_spec.signature_name = signature
        for name, array in arrays.items():
            dtype = "string" if array.dtype == object else array.dtype
            tensor = make_tensor_proto(array, dtype, array.shape)
            request.inputs[name].CopyFrom(tensor)
        answer = self._ask(self._predict, request, timeout_s)
        arrays = {name: make_ndarray(value) for name, value in answer.outputs.items()}
        return read_outputs(arrays, outputs)

    def status(self, model, version, timeout_s):
        """Returns the states of the versions, in the form of the REST API."""
        request = _request(GetModelStatusRequest, model, version)
        answer = _json(self._ask(self._status, request, timeout_s))
        return answer.get("model_version_status", [])

    def metadata(self, model, version, timeout_s):
        """Returns the model's metadata, in the form of the REST API."""
        request = _request(GetModelMetadataRequest, model, version)
        request.metadata_field.append("signature_def")
        return _json(self._ask(self._metadata, request, timeout_s))

    def close(self):
        """Closes the channel."""
        self._channel.close()

    def _ask(self, call, request, timeout_s):
        try:
            return call(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise _error(error.code().name, error.details() or "") from error


def _request(message_class, model, version):
    request = message_class(model_spec=ModelSpec(name=model))
    if version is not None:
        request.model_spec.version.value = version
    return request


def _json(message):
    return MessageToDict(message, preserving_proto_field_name=True)


def _error(code, details):
    """Returns the error of an attempt that ended with a status code."""
    if code == "DEADLINE_EXCEEDED":
        return TimeUpError("no answer in time", code)
    if "onnection refused" in details:
        return AttemptError("connection refused", code, advice=START)
    error = AttemptError(f"{code}: {one_line(details)}", code)
    if "larger than max" in details:  # the message: a retry cannot help
        error.retryable, error.advice = False, "Ask for less at once."
    return error
