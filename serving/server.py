"""Embedded server: exported models behind TensorFlow Serving's REST paths.

    GET  /v1/models/NAME[/versions/N]            state of the versions
    GET  /v1/models/NAME[/versions/N]/metadata   inputs and outputs of each signature
    POST /v1/models/NAME[/versions/N]:predict    predictions for rows or columns

It also has a page to try the models at /, the list of models at /v1/models, the OpenAPI
description at /openapi.json, and metrics at /monitoring/prometheus/metrics.
"""

import argparse
import logging
import os
from pathlib import Path

import uvicorn

from apps.common.portable.terminal import report_errors
from serving.application import create_app
from serving.limits import Limits
from serving.models import Models, find_models


def _directories(named):
    return named or sorted(Path("runs").glob("*/*/*/export"))


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
        help="directories that contain <model>/<version>/, such as models/ "
        "(default: runs/*/*/*/export)",
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
    """Raises a `ValueError` for a number out of range."""
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


def main(arguments=None):
    """Serves the newest version of each exported model."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(format="%(message)s")
    with report_errors():
        _check(options)
        models = Models(lambda: find_models(_directories(options.directories)))
        models.refresh()
        if not list(models):
            raise ValueError(
                "There is no exported model to serve. `make run` trains and exports "
                "one; or name a directory with <model>/<version>/saved_model.pb."
            )
        address = f"http://{options.host}:{options.port}"
        names = ", ".join(model.name for model in models)
        print(f"Try {names} in a browser: {address}/", flush=True)
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
