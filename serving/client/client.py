"""The client: predictions, status and metadata of the models on a server."""

import numpy as np

from serving.client.arrays import check_inputs
from serving.client.connect import connect
from serving.client.rows import check_joinable, count_rows, cut_rows, join_rows
from serving.client.streams import Streams
from serving.client.transport import ServingError, call_with_retries
from serving.engine import DEFAULT_SIGNATURE
from serving.specs import read_metadata

MAX_TIMEOUT_S = 24 * 60 * 60
MAX_ROWS = 64  # TensorFlow Serving refuses more: max_batch_size of our exports


class Client(Streams):
    """Calls the models of one server. Threads may share it.

    It retries a call if it gets no connection or if the server is overloaded (HTTP 429,
    502, 503; UNAVAILABLE, RESOURCE_EXHAUSTED). Each pause is about twice as long as the
    one before, or as long as the server asks for. Retries are safe: models keep no
    state.

    Every method raises `ServingError` if the server refuses the call or does not answer
    in time. It raises `ValueError`, before the model computes anything, if the model
    lacks the signature, if the signature does not take the inputs, or if there is no
    row: TensorFlow Serving never answers a batch of zero rows.

    Args:
        address: `http://HOST:PORT`, `https://HOST:PORT`, or `grpc://HOST:PORT`.
        timeout_s: Seconds for a call, including its retries.
        retries: Maximum number of attempts after the first.
        backoff_s: Mean pause before the first retry, in seconds; the actual pause is
            0.5 to 1.5 times as long.
        max_rows: Maximum number of rows in a call; more rows are sent in several calls.
    """

    def __init__(
        self, address, timeout_s=30.0, retries=3, backoff_s=0.1, max_rows=MAX_ROWS
    ):
        for name, value in (("retries", retries), ("backoff_s", backoff_s)):
            if not 0 <= value < np.inf:
                raise ValueError(f"{name}: expected 0 or more. Received: {value}.")
        if not 0 < timeout_s <= MAX_TIMEOUT_S:
            raise ValueError(
                f"timeout_s: expected seconds, above 0, at most {MAX_TIMEOUT_S}. "
                f"Received: {timeout_s}."
            )
        if not max_rows >= 1:
            raise ValueError(f"max_rows: expected 1 or more. Received: {max_rows}.")
        self._retrying, self._max_rows = (timeout_s, retries, backoff_s), max_rows
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

        More than `max_rows` rows are sent in several calls, one after the other, and
        the answers are joined in order: the outputs are padded to the longest row with
        0, "" or False. Each call has `timeout_s`. With `version=None` the newest
        version may change between two calls; where its outputs have other sizes,
        `ServingError` is raised.

        Args:
            model: Name of the model.
            inputs: Columns by name: arrays or lists of equal lengths, whose first
                dimension is the batch. Texts are str or bytes.
            signature: Name of one of the model's signatures.
            version: Version number, or None for the newest loaded version.

        Returns:
            Columns by name. Texts are str; outputs whose name ends in `_bytes` hold
            bytes.
        """
        arrays, count = self._check(model, inputs, signature, version)
        return self._predict(model, arrays, count, signature, version)

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
            inputs: As for `predict`.
            batch_size: Maximum number of rows in a batch.
            signature: Name of one of the model's signatures.
            version: Version number, or None for the newest loaded version.
        """
        if not batch_size >= 1:
            raise ValueError(f"batch_size: expected 1 or more. Received: {batch_size}.")
        arrays, count = self._check(model, inputs, signature, version)
        return (
            self._predict(model, rows, size, signature, version)
            for rows, size in cut_rows(arrays, count, batch_size)
        )

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
        """Returns the inputs, arrays by name, and the number of rows."""
        call_name = f"{model}, signature {signature}"
        fresh = (model, version) not in self._known
        try:
            specs = self.signature(model, signature, version)["inputs"]
            arrays = check_inputs(inputs, specs, call_name)
        except ValueError:
            if fresh or version is not None:
                raise
            self._known.pop((model, version), None)  # a new version may have loaded
            specs = self.signature(model, signature, version)["inputs"]
            arrays = check_inputs(inputs, specs, call_name)
        return arrays, count_rows(arrays, call_name)

    def _predict(self, model, arrays, count, signature, version):
        """Returns the outputs for checked inputs of `count` rows."""
        if count <= self._max_rows:
            return self._ask(model, arrays, signature, version)
        call_name = f"{model}, signature {signature}"
        specs = self.signature(model, signature, version)["outputs"]
        check_joinable(specs, count, self._max_rows, call_name)
        parts, counts = [], []
        for rows, size in cut_rows(arrays, count, self._max_rows):
            parts.append(self._ask(model, rows, signature, version))
            counts.append(size)
        try:
            return join_rows(parts, counts, specs)
        except ValueError as error:
            message = f"predict of {call_name} at {self._server}: {error}"
            raise ServingError(message) from error

    def _ask(self, model, arrays, signature, version):
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
