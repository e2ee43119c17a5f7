"""The client: predictions, status and metadata of the models on a server."""

import numpy as np

from serving.client.arrays import check_inputs, read_metadata
from serving.client.connect import connect
from serving.client.streams import Streams
from serving.client.transport import ServingError, call_with_retries
from serving.formats import DEFAULT_SIGNATURE

MAX_TIMEOUT_S = 24 * 60 * 60


class Client(Streams):
    """Calls the models of one server. Threads may share it.

    It retries a call if it gets no connection or if the server is overloaded (HTTP 429,
    502, 503; UNAVAILABLE, RESOURCE_EXHAUSTED). Each pause is about twice as long as the
    one before, or as long as the server asks for. Retries are safe: models keep no
    state.

    Every method raises `ServingError` if the server refuses the call or does not answer
    in time. It raises `ValueError`, before the model computes anything, if the model
    lacks the signature or if the signature does not take the inputs.

    Args:
        address: `http://HOST:PORT`, `https://HOST:PORT`, or `grpc://HOST:PORT`.
        timeout_s: Seconds for a call, including its retries.
        retries: Maximum number of attempts after the first.
        backoff_s: Mean pause before the first retry, in seconds; the actual pause is
            0.5 to 1.5 times as long.
    """

    def __init__(self, address, timeout_s=30.0, retries=3, backoff_s=0.1):
        for name, value in (("retries", retries), ("backoff_s", backoff_s)):
            if not 0 <= value < np.inf:
                raise ValueError(f"{name}: expected 0 or more. Received: {value}.")
        if not 0 < timeout_s <= MAX_TIMEOUT_S:
            raise ValueError(
                f"timeout_s: expected seconds, above 0, at most {MAX_TIMEOUT_S}. "
                f"Received: {timeout_s}."
            )
        self._retrying = timeout_s, retries, backoff_s
        self._server, self._transport = connect(address, backoff_s)
        self._known = {}

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *_):
        """Closes the connections."""
        self.close()

    def close(self):
        """Closes the connections."""
        self._transport.close()

    def predict(self, model, inputs, signature=DEFAULT_SIGNATURE, version=None):
        """Returns a model's outputs, arrays by name.

        Args:
            model: Name of the model.
            inputs: Columns by name: arrays or lists whose first dimension is the batch.
                Texts are str or bytes.
            signature: Name of one of the model's signatures.
            version: Version number, or None for the newest loaded version.

        Returns:
            Columns by name. Texts are str; outputs whose name ends in `_bytes` hold
            bytes.
        """
        arrays = self._check(model, inputs, signature, version)
        return self._predict(model, arrays, signature, version)

    def predict_batches(
        self,
        model,
        inputs,
        batch_size=32,
        signature=DEFAULT_SIGNATURE,
        version=None,
    ):
        """Returns an iterator over the results of `predict`, one for each batch.

        The results are not concatenated, because the length of the time dimension may
        differ between batches. All rows are checked before the first batch is sent.

        Args:
            model: Name of the model.
            inputs: As for `predict`, of equal lengths.
            batch_size: Maximum number of rows in a batch.
            signature: Name of one of the model's signatures.
            version: Version number, or None for the newest loaded version.
        """
        if not batch_size >= 1:
            raise ValueError(f"batch_size: expected 1 or more. Received: {batch_size}.")
        arrays = self._check(model, inputs, signature, version)
        lengths = {name: len(np.atleast_1d(array)) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"{model}, signature {signature}: expected columns of equal lengths. "
                f"Received: {lengths}."
            )
        slices = (
            {name: array[start : start + batch_size] for name, array in arrays.items()}
            for start in range(0, max(lengths.values(), default=0), batch_size)
        )
        return (self._predict(model, rows, signature, version) for rows in slices)

    def status(self, model, version=None):
        """Returns the states of a model's versions.

        Returns:
            For each version a dictionary with `version`, a number, `state`, such as
            "AVAILABLE", `error_code` and `error_message`. Without an error they are
            "OK" and "".
        """
        answer = self._call("status", model, version, self._transport.status)
        return [
            {
                "version": int(each.get("version", 0)),
                "state": each.get("state", "UNKNOWN"),
                "error_code": each.get("status", {}).get("error_code", "OK"),
                "error_message": each.get("status", {}).get("error_message", ""),
            }
            for each in answer
        ]

    def metadata(self, model, version=None):
        """Returns a model's signatures; later calls return the cached ones.

        Returns:
            For each signature `{"inputs": {name: (dtype, shape)}, "outputs": {...}}`.
            A dtype is NumPy's name, or "string"; a dimension of any size is None.
        """
        signatures = self._known.get((model, version))
        if signatures is None:
            answer = self._call("metadata", model, version, self._transport.metadata)
            try:
                signatures = read_metadata(answer)
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                raise ServingError(
                    f"metadata of {model} at {self._server}: expected TensorFlow "
                    f"Serving's. Received: {str(answer)[:80]}."
                ) from error
            self._known[model, version] = signatures
        return signatures

    def signature(self, model, name=DEFAULT_SIGNATURE, version=None):
        """Returns the inputs and outputs of one signature, as `metadata` does."""
        signatures = self.metadata(model, version)
        if name not in signatures:
            raise ValueError(
                f"{model}: expected one of its signatures, {', '.join(signatures)}. "
                f"Received: {name}."
            )
        return signatures[name]

    def _check(self, model, inputs, signature, version):
        call_name = f"{model}, signature {signature}"
        fresh = (model, version) not in self._known
        try:
            specs = self.signature(model, signature, version)["inputs"]
            return check_inputs(inputs, specs, call_name)
        except ValueError:
            if fresh or version is not None:
                raise
        self._known.pop((model, version), None)  # a new version may have loaded
        specs = self.signature(model, signature, version)["inputs"]
        return check_inputs(inputs, specs, call_name)

    def _predict(self, model, arrays, signature, version):
        outputs = self.signature(model, signature, version)["outputs"]
        request = (signature, arrays, outputs)
        method = self._transport.predict
        try:
            return self._call("predict", model, version, method, *request)
        except ServingError:
            self._known.pop((model, version), None)
            raise

    def _call(self, verb, model, version, method, *more):
        which = "" if version is None else f", version {version},"
        return call_with_retries(
            lambda left_s: method(model, version, *more, left_s),
            f"{verb} of {model}{which} at {self._server}",
            *self._retrying,
        )
