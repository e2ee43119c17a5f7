"""Embedded server: exported models behind TensorFlow Serving's REST paths.

    GET  /v1/models/NAME[/versions/N]            state of the versions
    GET  /v1/models/NAME[/versions/N]/metadata   inputs and outputs of each signature
    GET  /v1/models/NAME[/versions/N]/cell       vocabulary and weights, for the page
    POST /v1/models/NAME[/versions/N]:predict    predictions for rows or columns

It also has a page to try the models at /, the list of models at /v1/models, the OpenAPI
description at /openapi.json, and metrics at /monitoring/prometheus/metrics.
"""

import argparse
import logging
from urllib.parse import quote

import uvicorn

from apps.common.portable.terminal import report_errors
from serving.application import create_app
from serving.exports import RUNS, find_exports
from serving.limits import Limits
from serving.models import AUTO, ENGINES, Finder, Models, graphs_of


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
    add(
        "--engine",
        choices=[AUTO, *ENGINES],
        default=AUTO,
        help="what computes: onnx runs the directory onnx/ with ONNX Runtime and "
        "without TensorFlow, tensorflow runs saved_model.pb, auto the first of the two "
        "that a version has (%(default)s)",
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
    graphs = graphs_of(options.engine)
    for place in options.directories:
        if not find_exports([place], graphs):
            raise ValueError(
                f"{place}: there is no exported model to serve. `make run` trains and "
                "exports one; or name a run directory with an export, or a directory "
                f"with <model>/<version>/{graphs[-1]}."
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
    logging.basicConfig(format="%(message)s")
    with report_errors():
        _check(options)
        finder = Finder(options.directories, options.engine)
        models = Models(finder, options.engine)
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
