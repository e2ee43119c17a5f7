"""The calls: predictions, status, metadata."""

import numpy as np

from serving.client.arrays import check_inputs, read_metadata
from serving.client.streams import Streams
from serving.client.transport import ServingError, call_with_retries, connect
from serving.formats import DEFAULT_SIGNATURE

LONGEST_S = 24 * 60 * 60


class Client(Streams):
    """Asks the models of one server. Threads may share it.

    A call that finds no connection, or a server that has too much to do (HTTP 429, 502,
    503; UNAVAILABLE, RESOURCE_EXHAUSTED), is tried again, each time after a pause twice
    as long, give or take a half, or as long as the server asks for. This is safe:
    models compute and keep nothing.

    Every method raises `ServingError` if the server refuses or gives no answer in time,
    and `ValueError`, before anything is computed, for a model's signature that is not
    there, and for inputs that it does not take.

    Args:
        address: `http://HOST:PORT`, `https://HOST:PORT`, or `grpc://HOST:PORT`.
        timeout_s: Seconds for a call, its retries included.
        retries: Attempts after the first, at most.
        backoff_s: Seconds before the first retry, give or take a half.
    """

    def __init__(self, address, timeout_s=30.0, retries=3, backoff_s=0.1):
        for name, value in (("retries", retries), ("backoff_s", backoff_s)):
            if not 0 <= value < np.inf:
                raise ValueError(f"{name}: expected 0 or more. Received: {value}.")
        if not 0 < timeout_s <= LONGEST_S:
            raise ValueError(
                f"timeout_s: expected seconds, above 0, at most {LONGEST_S}. "
                f"Received: {timeout_s}."
            )
        self._patience = timeout_s, retries, backoff_s
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
            model: Its name.
            inputs: Columns by name: arrays, or lists, the batch first. Texts are str or
                bytes.
            signature: One of the model's signatures.
            version: A number, or None for the one that serves.

        Returns:
            Columns by name. Texts are str; in outputs whose name ends in `_bytes` they
            are bytes.
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
        """Returns an iterator of `predict`'s answers, batch after batch.

        They are not joined: the dimensions of time may differ from batch to batch. All
        rows are checked before the first batch is sent.

        Args:
            model: Its name.
            inputs: As for `predict`, of equal lengths.
            batch_size: Rows of a batch, at most.
            signature: One of the model's signatures.
            version: A number, or None for the one that serves.
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
        """Returns what a model's versions are in.

        Returns:
            For each a dictionary of `version`, a number, `state`, such as "AVAILABLE",
            `error_code` and `error_message`, "OK" and "" where there is none.
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
        """Returns a model's signatures; asks once.

        Returns:
            For each `{"inputs": {name: (dtype, shape)}, "outputs": {...}}`. A dtype is
            as NumPy names it, or "string"; a dimension that is not fixed is None.
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
        asked = f"{model}, signature {signature}"
        fresh = (model, version) not in self._known
        try:
            specs = self.signature(model, signature, version)["inputs"]
            return check_inputs(inputs, specs, asked)
        except ValueError:
            if fresh or version is not None:
                raise
        self._known.pop((model, version), None)  # another version may serve by now
        specs = self.signature(model, signature, version)["inputs"]
        return check_inputs(inputs, specs, asked)

    def _predict(self, model, arrays, signature, version):
        outputs = self.signature(model, signature, version)["outputs"]
        sent = (signature, arrays, outputs)
        try:
            return self._call("predict", model, version, self._transport.predict, *sent)
        except ServingError:
            self._known.pop((model, version), None)
            raise

    def _call(self, verb, model, version, method, *more):
        which = "" if version is None else f", version {version},"
        return call_with_retries(
            lambda left_s: method(model, version, *more, left_s),
            f"{verb} of {model}{which} at {self._server}",
            *self._patience,
        )
