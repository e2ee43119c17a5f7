"""The web application: models behind TensorFlow Serving's REST paths, and the page."""

import asyncio
import logging
import os
import time
import traceback
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated

import orjson
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from pydantic import AfterValidator
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from serving import openapi
from serving.body import FAST_BYTES, load_json
from serving.engine import RequestError
from serving.formats import answer_of, arrays_of, parse
from serving.limits import Limits, Reader
from serving.metrics import CONTENT_TYPE, PATH, Metrics
from serving.number_lists import load_numbers
from serving.paths import canonical, check
from serving.scheduler import Scheduler

WEB = Path(__file__).with_name("web")
SHARED = [("apps.common.portable", "web")]  # heatmap.js
FAILED = "The server failed. See its log."
LONG_BODY_BYTES = 1 << 16  # longer bodies are converted in a thread,
LONG_LISTS_BYTES = 1 << 19  # those of long lists of numbers, which take a fifth, longer
MODEL, VERSION = "/v1/models/{name}", "/v1/models/{name}/versions/{version}"
Version = Annotated[str, AfterValidator(canonical), openapi.VERSION_NUMBER]
log = logging.getLogger("carousel.serving")


def create_app(models, limits=None, join=True, cors=False, poll_s=0.0):
    """Returns the web application.

    Args:
        models: `Models`.
        limits: `Limits`.
        join: Whether waiting requests are joined into batches.
        cors: Whether pages from other servers may call this one.
        poll_s: Seconds between checks for new versions; 0 disables them.
    """
    limits = limits or Limits()
    metrics = Metrics(models)
    reader = Reader(limits)
    scheduler = Scheduler(limits.waiting, join, metrics.joined.observe)
    metrics.waiting.set_function(lambda: scheduler.waiting)

    @asynccontextmanager
    async def lifespan(app):
        if poll_s:
            models.watch(poll_s)
        yield
        models.stop()
        scheduler.close()

    app = FastAPI(
        title="Carousel",
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=openapi.ERRORS,
    )
    app.add_middleware(_PathCheck)
    if cors:
        app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"])
    _add_error_handlers(app)
    _add_predict(app, models, reader, scheduler, metrics, limits)
    _add_models(app, models)
    _add_monitoring(app, models, metrics)
    page = _Page(directory=WEB, packages=SHARED, html=True, check_dir=False)
    app.mount("/", page)
    return app


class _PathCheck:
    """Refuses the paths under /v1/ that TensorFlow Serving refuses."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        answer = self._app
        if scope["type"] == "http":
            query = scope["query_string"].decode("latin-1")
            try:
                check(scope["method"], scope["path"], query)
            except RequestError as error:
                answer = _error(str(error), error.status)
        await answer(scope, receive, send)


def _add_error_handlers(app):
    @app.exception_handler(RequestError)
    async def refuse(request, error):
        headers = {"Retry-After": "1"} if error.status == 503 else None
        return _error(str(error), error.status, headers)

    @app.exception_handler(HTTPException)
    async def refuse_path(request, error):
        return _error(error.detail, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def fail(request, error):
        return _error(FAILED, 500)


def _add_models(app, models):
    @app.get("/v1/models", summary="Names of the served models")
    def names() -> openapi.ModelNames:
        cells = {model.name: model.cell_bytes() for model in models}
        sizes = {name: size for name, size in cells.items() if size}
        return {"models": list(cells), "cells": sizes}

    @app.get(MODEL, summary="State of a model's versions")
    async def status(name: str):
        return _json(models.status(name))

    @app.get(VERSION, summary="State of a version")
    async def version_status(name: str, version: Version):
        return _json(models.status(name, version))

    @app.get(f"{MODEL}/metadata", summary="Inputs and outputs")
    def metadata(name: str):
        return _json(models.get(name).metadata)

    @app.get(f"{VERSION}/metadata", summary="The same")
    def version_metadata(name: str, version: Version):
        return _json(models.get(name, version).metadata)

    @app.get(f"{MODEL}/cell", summary="Vocabulary and weights", **openapi.CELL)
    def cell(name: str):
        return FileResponse(models.get(name).cell())

    @app.get(f"{VERSION}/cell", summary="The same", **openapi.CELL)
    def version_cell(name: str, version: Version):
        return FileResponse(models.get(name, version).cell())


def _add_predict(app, models, reader, scheduler, metrics, limits):
    async def answer(request, name, version=None):
        began, code = time.perf_counter(), 500
        try:
            model = models.get(name, version)
            async with reader.read(request) as body:
                async with asyncio.timeout(limits.timeout_s):
                    content = await _answer(
                        scheduler, model, limits, reader.converting, body
                    )
            code = 200
        except TimeoutError:
            code = 504
            message = f"No answer within {limits.timeout_s:g} seconds."
            raise RequestError(code, message) from None
        except ClientDisconnect:
            code = 499  # nobody reads the answer
            return Response(status_code=400)
        except RequestError as error:
            code = error.status
            raise
        except Exception as error:
            _log(error)
            raise RequestError(code, FAILED) from None
        finally:
            metrics.answered(name, code, time.perf_counter() - began)
        return Response(content, media_type="application/json")

    async def predict(request: Request, name: str):
        return await answer(request, name)

    async def version_predict(request: Request, name: str, version: Version):
        return await answer(request, name, canonical(version))

    for path, endpoint, summary in (
        (f"{MODEL}:predict", predict, "Answers"),
        (f"{VERSION}:predict", version_predict, "The same"),
    ):
        app.router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            summary=summary,
            openapi_extra=openapi.PREDICT,
            route_class_override=_DirectRoute,
        )


class _DirectRoute(APIRoute):
    """A route whose endpoint gets the parameters of its path as they are.

    FastAPI's conversions and checks take as long as a small model. `_PathCheck` has
    checked the path and the method.
    """

    async def handle(self, scope, receive, send):
        request = Request(scope, receive, send)
        response = await self.endpoint(request, **scope["path_params"])
        await response(scope, receive, send)


def _add_monitoring(app, models, metrics):
    @app.head(PATH, include_in_schema=False)
    @app.get(PATH, summary="Metrics for Prometheus", response_class=PlainTextResponse)
    def measured():
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", summary="Whether the server is ready")
    async def health() -> dict[str, str]:
        if not any(True for _ in models):
            raise RequestError(503, "No model is loaded.")
        return {"status": "ok"}


class _Page(StaticFiles):
    """The page. It may load files from this server only, but call any server."""

    async def get_response(self, path, scope):
        response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; connect-src *; media-src 'self' blob:"
        )
        response.headers["Cache-Control"] = "no-cache"
        return response


def _log(error):
    """Logs where an error was raised, not its message: that may quote a user's text."""
    if os.environ.get("CAROUSEL_DEBUG"):
        log.error("A request failed", exc_info=error)
        return
    *_, place = traceback.extract_tb(error.__traceback__)
    where = f"{place.filename}:{place.lineno}, in {place.name}"
    log.error("A request failed: %s at %s", type(error).__name__, where)


def _error(message, status, headers=None):
    text = message.encode("utf-8", "replace").decode()  # no surrogates
    return _json({"error": text}, status, headers)


def _json(content, status=200, headers=None):
    return Response(orjson.dumps(content), status, headers, "application/json")


async def _answer(scheduler, model, limits, converting, body):
    """Returns the JSON answer to the body of a predict request."""
    limits.check_values(body)
    request, signature, arrays = await _read(model, converting, body)
    outputs = await scheduler.run(signature, arrays)
    long = sum(array.nbytes for array in outputs.values()) > LONG_BODY_BYTES
    if long:
        return await run_in_threadpool(answer_of, request, outputs)
    return answer_of(request, outputs)


async def _read(model, converting, body):
    """Returns the request in a body, its signature and its arrays."""

    def read(load):
        request = parse(body, load)
        signature = model.signature(request["signature_name"])
        return request, signature, arrays_of(request, signature.inputs)

    if FAST_BYTES < len(body) <= LONG_LISTS_BYTES:
        with suppress(RequestError):
            return read(load_numbers)
    if len(body) <= LONG_BODY_BYTES:
        return read(load_json)
    async with converting:
        if len(body) > LONG_LISTS_BYTES:
            with suppress(RequestError):
                return await run_in_threadpool(read, load_numbers)
        return await run_in_threadpool(read, load_json)
