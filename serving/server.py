"""Embedded server: exported models behind TensorFlow Serving's REST paths.

    GET  /v1/models/NAME                            which versions are available
    POST /v1/models/NAME[/versions/N]:predict       rows or columns in, the same out

The format is TensorFlow Serving's "RESTful API" page.
"""

import argparse
import base64
import json
import os
from pathlib import Path

import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from apps.common.export import newest_version
from apps.common.terminal import clear_errors

DEFAULT_SIGNATURE = "serving_default"
DEEPEST = 32  # dimensions of an input


class RequestError(Exception):
    """A request that cannot be answered, and the HTTP status that says so."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Model:
    """One version of an exported model, loaded."""

    def __init__(self, name, path):
        """Loads the SavedModel at `path`."""
        import tensorflow as tf

        self.name, self.path, self.version = name, Path(path), int(Path(path).name)
        self.refusal = tf.errors.InvalidArgumentError
        self.loaded = tf.saved_model.load(str(path))  # owns the signatures' variables

    def predict(self, request):
        """Answers the JSON body of a predict request, as a dictionary."""
        name = request.get("signature_name", DEFAULT_SIGNATURE)
        if name not in self.loaded.signatures:
            known = ", ".join(self.loaded.signatures)
            raise RequestError(
                400, f'Serving signature name: "{name}" not found. Known: {known}.'
            )
        signature = self.loaded.signatures[name]
        specs = signature.structured_input_signature[1]
        if ("instances" in request) == ("inputs" in request):
            raise RequestError(400, 'Expected either "instances" or "inputs".')
        by_row = "instances" in request
        columns = (
            _columns_of_rows(request["instances"], specs)
            if by_row
            else _columns(request["inputs"], specs)
        )
        tensors = {k: _tensor(k, columns[k], spec) for k, spec in specs.items()}
        try:
            outputs = signature(**tensors)
        except self.refusal as error:
            raise RequestError(400, _reason(error)) from None
        answers = {k: _plain(k, value.numpy()) for k, value in outputs.items()}
        if not by_row:
            return {"outputs": _bare(answers)}
        if len({len(value) for value in answers.values()}) > 1:
            raise RequestError(400, "The outputs have inconsistent batch sizes.")
        rows = zip(*answers.values(), strict=True)
        return {
            "predictions": [_bare(dict(zip(answers, r, strict=True))) for r in rows]
        }


def find_models(directories):
    """Returns the newest exported version of each model, by name.

    Args:
        directories: Export directories, `<model>/<version>/saved_model.pb` in each.
            Where two hold the same model, the one that was written last wins.
    """
    found = {}
    for directory in map(Path, directories):
        for path in sorted(directory.iterdir()) if directory.is_dir() else ():
            version = newest_version(path)
            if version and (version / "saved_model.pb").exists():
                found.setdefault(path.name, []).append(version)
    return {
        name: max(versions, key=lambda path: (path / "saved_model.pb").stat().st_mtime)
        for name, versions in found.items()
    }


def create_app(models):
    """Returns the web application for `Model`s by name."""
    app = FastAPI(title="Carousel", docs_url=None, redoc_url=None)

    def model_of(name, version=None):
        model = models.get(name)
        if model is None or version not in (None, str(model.version)):
            which = (
                f"Latest({name})" if version is None else f"Specific({name}, {version})"
            )
            raise RequestError(404, f"Servable not found for request: {which}")
        return model

    @app.exception_handler(RequestError)
    async def refuse(request, error):
        return _json({"error": str(error)}, error.status)

    @app.exception_handler(HTTPException)
    async def refuse_path(request, error):
        return _json({"error": error.detail}, error.status_code)

    @app.get("/v1/models/{name}")
    @app.get("/v1/models/{name}/versions/{version}")
    def status(name: str, version: str | None = None):
        state = {
            "version": str(model_of(name, version).version),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return {"model_version_status": [state]}

    @app.post("/v1/models/{name}:predict")
    @app.post("/v1/models/{name}/versions/{version}:predict")
    async def predict(request: Request, name: str, version: str | None = None):
        model = model_of(name, version)
        body = _parse(await request.body())
        return _json(await run_in_threadpool(model.predict, body))

    return app


def _reason(error):
    """Returns what an operation said, without the graph's words around it."""
    said = str(error).split("[[{{node")[0].strip().splitlines()
    return said[-1] if said else "The request cannot be answered."


def _json(content, status=200):
    """Returns a response; NaN and Infinity stand bare, as in TensorFlow Serving."""
    text = json.dumps(content, separators=(",", ":"))
    return Response(text, status, media_type="application/json")


def _parse(body):
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"JSON Parse error: {error}") from None
    if not isinstance(request, dict):
        raise RequestError(400, "Expected a JSON object with instances or inputs.")
    if not isinstance(request.get("signature_name", ""), str):
        raise RequestError(400, "signature_name must be a string.")
    return request


def _columns(inputs, specs):
    """Returns values by input name; a single input may come without its name."""
    if not isinstance(inputs, dict) or (len(specs) == 1 and "b64" in inputs):
        inputs = dict.fromkeys(specs, inputs) if len(specs) == 1 else {}
    missing = ", ".join(sorted(set(specs) - set(inputs)))
    if missing:
        known = ", ".join(sorted(specs))
        raise RequestError(400, f"Missing inputs: {missing}. Known: {known}.")
    return inputs


def _columns_of_rows(rows, specs):
    if not isinstance(rows, list) or not rows:
        raise RequestError(400, '"instances" must be a list that is not empty.')
    columns = [_columns(row, specs) for row in rows]
    return {name: [row[name] for row in columns] for name in specs}


def _tensor(name, value, spec):
    """Returns a value of the request as the tensor that the signature takes."""
    import tensorflow as tf

    def leaf(item, depth=0):
        if depth > DEEPEST:  # TensorFlow ends the process over some 250 dimensions
            raise ValueError(f"more than {DEEPEST} dimensions")
        if isinstance(item, list):
            return [leaf(inner, depth + 1) for inner in item]
        if isinstance(item, dict) and set(item) == {"b64"} and spec.dtype == tf.string:
            return base64.b64decode(item["b64"], validate=True)
        kinds = {True: str, False: int | float}[spec.dtype == tf.string]
        if spec.dtype.is_integer:
            kinds = int
        if not isinstance(item, kinds) or (
            isinstance(item, bool) and spec.dtype != tf.bool
        ):
            raise ValueError(f"{json.dumps(item)[:80]} is not of this type")
        if spec.dtype.is_integer and not spec.dtype.min <= item <= spec.dtype.max:
            raise ValueError(f"{item} is out of range")
        return item.encode("utf-8") if isinstance(item, str) else item

    expected = f"{spec.dtype.name} of shape {spec.shape}"
    try:
        tensor = tf.constant(leaf(value), dtype=spec.dtype)
    except (ValueError, TypeError, RecursionError) as error:
        reason = f"Input {name} must be {expected}: {error}."
        raise RequestError(400, reason) from None
    if not spec.shape.is_compatible_with(tensor.shape):
        reason = f"Input {name} must be {expected}. Received: shape {tensor.shape}."
        raise RequestError(400, reason)
    return tensor


def _plain(name, array):
    """Returns an output as JSON has it; names in _bytes come as base64."""
    if array.dtype != object:
        return array.tolist()

    def text(value):
        if name.endswith("_bytes"):
            return {"b64": base64.b64encode(value).decode()}
        return value.decode("utf-8")

    return np.vectorize(text, otypes=[object])(array).tolist()


def _bare(answers):
    """Returns a single output without its name, as TensorFlow Serving does."""
    return next(iter(answers.values())) if len(answers) == 1 else answers


def main():
    """Serves the newest version of each exported model."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.server", description=main.__doc__
    )
    parser.add_argument(
        "directories",
        nargs="*",
        help="directories with <model>/<version>/ in them (default: runs/*/*/*/export)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address (%(default)s)")
    parser.add_argument("--port", default=8501, type=int, help="port (%(default)s)")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with clear_errors():
        directories = options.directories or sorted(Path("runs").glob("*/*/*/export"))
        found = find_models(directories)
        if not found:
            raise ValueError(
                "There is no exported model to serve. `make run` trains and exports "
                "one; or name a directory with <model>/<version>/saved_model.pb."
            )
        models = {name: Model(name, path) for name, path in found.items()}
        for name, model in models.items():
            address = f"http://{options.host}:{options.port}/v1/models/{name}:predict"
            print(f"{name}, version {model.version} of {model.path.parent}: {address}")
        uvicorn.run(
            create_app(models),
            host=options.host,
            port=options.port,
            log_level="warning",
        )


if __name__ == "__main__":
    main()
