"""Embedded server: exported models behind TensorFlow Serving's REST paths.

    GET  /v1/models/NAME[/versions/N]            state of the versions
    GET  /v1/models/NAME[/versions/N]/metadata   inputs and outputs of each signature
    POST /v1/models/NAME[/versions/N]:predict    predictions for rows or columns

It also has a page to try the models at /, the list of models at /v1/models, the OpenAPI
description at /openapi.json, and metrics at /monitoring/prometheus/metrics.
"""

import argparse
import asyncio
import logging
import os
import time
import traceback
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import orjson
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from apps.common.portable.terminal import report_errors
from serving import openapi
from serving.exports import RUNS, find_exports
from serving.formats import (
    DEFAULT_SIGNATURE,
    RequestError,
    answer_of,
    arrays_of,
    parse,
)
from serving.limits import Limits, Reader
from serving.metrics import CONTENT_TYPE, PATH, Metrics
from serving.models import Finder, Models
from serving.scheduler import Scheduler

WEB = Path(__file__).with_name("web")
SHARED = [("apps.common.portable", "web")]  # heatmap.js
FAILED = "The server failed. See its log."
LONG_BODY_BYTES = 1 << 16  # longer bodies are converted in a thread
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
    if cors:
        app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"])
    _add_error_handlers(app)
    _add_models(app, models)
    _add_predict(app, models, reader, scheduler, metrics, limits.timeout_s)
    _add_monitoring(app, models, metrics)
    page = _Page(directory=WEB, packages=SHARED, html=True, check_dir=False)
    app.mount("/", page)
    return app


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
    async def names() -> dict[str, list[str]]:
        return {"models": [model.name for model in models]}

    @app.get("/v1/models/{name}", summary="State of a model's versions")
    @app.get("/v1/models/{name}/versions/{version}", summary="State of a version")
    async def status(name: str, version: str | None = None):
        return _json(models.status(name, version))

    @app.get("/v1/models/{name}/metadata", summary="Inputs and outputs")
    @app.get("/v1/models/{name}/versions/{version}/metadata", summary="The same")
    def metadata(name: str, version: str | None = None):
        return _json(models.get(name, version).metadata)


def _add_predict(app, models, reader, scheduler, metrics, timeout_s):
    async def predict(request: Request, name: str, version: str | None = None):
        began, code = time.perf_counter(), 500
        try:
            model = models.get(name, version)
            body = await reader.read(request)
            answer = await asyncio.wait_for(_answer(scheduler, model, body), timeout_s)
            code = 200
        except TimeoutError:
            code = 504
            message = f"No answer within {timeout_s:g} seconds."
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
        return Response(answer, media_type="application/json")

    for path in ("/v1/models/{name}", "/v1/models/{name}/versions/{version}"):
        app.post(f"{path}:predict", summary="Answers", openapi_extra=openapi.PREDICT)(
            predict
        )


def _add_monitoring(app, models, metrics):
    @app.get(PATH, summary="Metrics for Prometheus", response_class=PlainTextResponse)
    def measured():
        return Response(metrics.text(), media_type=CONTENT_TYPE)

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


async def _answer(scheduler, model, body):
    """Returns the JSON answer to the body of a predict request."""

    def read():
        request = parse(body)
        signature = model.signature(request.get("signature_name", DEFAULT_SIGNATURE))
        return request, signature, arrays_of(request, signature.inputs)

    long = len(body) > LONG_BODY_BYTES
    request, signature, arrays = await run_in_threadpool(read) if long else read()
    outputs = await scheduler.run(signature, arrays)
    long = sum(array.nbytes for array in outputs.values()) > LONG_BODY_BYTES
    if long:
        return await run_in_threadpool(answer_of, request, outputs)
    return answer_of(request, outputs)


def _parser():
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.server",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "directories",
        nargs="*",
        default=[RUNS],
        metavar="[NAME=]DIRECTORY",
        help="run directories, directories with runs at any depth, or directories that "
        "contain <model>/<version>/, such as models/ (default: runs). A run of "
        "a recipe is served under the name of its app, a run of your own directory "
        "under that directory's name; NAME gives another name",
    )
    add("--host", default="127.0.0.1", help="address (%(default)s)")
    add("--port", default=8501, type=int, help="port (%(default)s)")
    add("--cors", action="store_true", help="allow calls from pages of other servers")
    add(
        "--poll-s",
        default=5.0,
        type=float,
        help="seconds between checks for new versions; 0: never (%(default)g)",
    )
    add(
        "--body-mb",
        default=Limits.body_mb,
        type=float,
        help="maximum size of a request in megabytes (%(default)g)",
    )
    add(
        "--timeout-s",
        default=Limits.timeout_s,
        type=float,
        help="maximum time for a request in seconds (%(default)g)",
    )
    add(
        "--waiting",
        default=Limits.waiting,
        type=int,
        help="maximum number of waiting requests; more get HTTP 503 (%(default)d)",
    )
    add("--one-by-one", action="store_true", help="do not batch requests")
    return parser


def _check(options):
    """Raises a `ValueError` for a number out of range or a directory without model."""
    if not 0 <= options.poll_s < 1e6:
        raise ValueError(
            f"--poll-s: expected seconds, 0 or more. Received: {options.poll_s:g}."
        )
    for name in ("body_mb", "timeout_s", "waiting"):
        if not 0 < (value := getattr(options, name)) < float("inf"):
            flag = name.replace("_", "-")
            raise ValueError(
                f"--{flag}: expected a number above 0. Received: {value:g}."
            )
    for place in options.directories:
        if not find_exports([place]):
            raise ValueError(
                f"{place}: there is no exported model to serve. `make run` trains and "
                "exports one; or name a run directory with an export, or a directory "
                "with <model>/<version>/saved_model.pb."
            )


def _invite(names, apps, page):
    """Prints where each model can be tried in a browser.

    Args:
        names: Names of the served models.
        apps: The app of each model by name. The page has a tab for each app.
        page: Address of the page.
    """
    own = [name for name in names if apps[name] != name]
    others = [name for name in names if name not in own]
    if others:
        print(f"Try {', '.join(others)} in a browser: {page}", flush=True)
    for name in own:
        place = f"{page}?{apps[name]}={quote(name)}#{apps[name]}"
        print(f"Try {name} in a browser: {place}", flush=True)


def main(arguments=None):
    """Serves the newest version of each exported model."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(format="%(message)s")
    with report_errors():
        _check(options)
        finder = Finder(options.directories)
        models = Models(finder)
        models.refresh()
        if not list(models):
            raise ValueError("No exported model can be loaded. See the lines above.")
        names = [model.name for model in models]
        _invite(names, finder.apps, f"http://{options.host}:{options.port}/")
        uvicorn.run(
            create_app(
                models,
                Limits(options.body_mb, options.timeout_s, options.waiting),
                join=not options.one_by_one,
                cors=options.cors,
                poll_s=options.poll_s,
            ),
            host=options.host,
            port=options.port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=int(options.timeout_s) + 1,
        )


if __name__ == "__main__":
    main()
