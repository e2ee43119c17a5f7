"""Writes the page and its models as a folder that any static host serves.

The browser computes everything: the models run in ONNX Runtime's WebAssembly. Look at
the folder with

    python -m http.server -d OUT

It may lie under any path of a host, and needs no headers. Browsers allow the microphone
on https and localhost only.
"""

import argparse
import gzip
import hashlib
import json
import logging
import os
import re
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from apps.common.portable.run_files import TOKEN_RULES
from apps.common.portable.terminal import report_errors
from apps.common.portable.versions import CELL, ONNX
from serving import npm
from serving.exports import RUNS, conflict, find_exports
from serving.runtime.description import read_description

ROOT = Path(__file__).parents[1]
WEB = ROOT / "serving" / "web"
SHARED = ROOT / "apps" / "common" / "portable" / "web"
HEADER = Path("local", "header.html")  # in WEB: replaces what names a server
SERVER_PART = re.compile(r"  <!-- with a server -->\n.*?  <!-- end -->\n", re.DOTALL)
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'"
)
META = (
    f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    '<meta name="models" content="local">\n'
)
AFTER = '<meta charset="utf-8">\n'
LICENCES = {  # in the folder, and where they come from
    "LICENSE": ROOT / "LICENSE",
    "onnxruntime/LICENSE": WEB / "local" / "onnxruntime-web.LICENSE",
}
MODELS, LIST, RUNTIME = "models", "models.json", "onnxruntime"
CLIP_RATE_HZ = 16000  # RATE_HZ in web/speech.js
APPS = (
    *("language_modeling", "question_answering", "sentiment", "speech_commands"),
    "summarization",
)


def write_static(out, places):
    """Writes the folder.

    Args:
        out: Path of the folder; it must be absent or empty.
        places: Where the models are, as `find_exports` takes them.

    Returns:
        The size in bytes of each part of the folder, and that as gzip, by name.

    Raises:
        ValueError: If the folder is not empty, a model is missing or cannot run in the
            page, or ONNX Runtime cannot be downloaded.
    """
    out = Path(out)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ValueError(
            f"{out}: the folder is not empty. Name another one, or delete it first."
        )
    models = _models(places)
    archive = npm.fetch()
    with _written_aside(out) as folder:
        _write_page(folder)
        (folder / RUNTIME).mkdir()
        npm.unpack(archive, folder / RUNTIME)
        for name, source in LICENCES.items():
            shutil.copyfile(source, folder / name)
        _write_models(folder / MODELS, models)
        return _sizes(folder, models)


def _models(places):
    """Returns the `Description` of each model by name."""
    models = {}
    for place in places:
        if not find_exports([place], [ONNX]):
            raise ValueError(
                f"{place}: there is no model with ONNX graphs. `make run` trains and "
                "exports the five models; or name a run directory with an export."
            )
    for name, exports in find_exports(places, [ONNX]).items():
        if message := conflict(exports):
            print(message, file=sys.stderr)
        description = read_description((exports[0].versions[0] / ONNX).parent)
        _check(description)
        models[name] = description
    return models


def _check(description):
    """Raises a `ValueError` if the page cannot run a model."""
    path, settings = description.path, description.settings
    if description.app not in APPS:
        raise ValueError(
            f"{path}: the page has no tab for the app {description.app!r}. It has: "
            f"{', '.join(APPS)}."
        )
    words = settings.get("tokenization", "words") == "words"
    rules = settings.get("token_rules", TOKEN_RULES)
    if words and rules != TOKEN_RULES:
        raise ValueError(
            f"{path}: the model reads texts by version {rules} of the rules for tokens "
            f"(docs/tokens.md), and the page by version {TOKEN_RULES}. Train it again, "
            "or serve it with python -m serving.server."
        )
    rate = settings.get("sample_rate_hz")
    if settings.get("streams") is False and rate != CLIP_RATE_HZ:
        raise ValueError(
            f"{path}: the model reads whole clips at {rate} Hz, and the page sends "
            f"those at {CLIP_RATE_HZ} Hz. Train one with model.direction=forward."
        )


@contextmanager
def _written_aside(out):
    """Yields a temporary folder beside `out`, and renames it to `out` at the end."""
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".static-", dir=out.parent))
    try:
        scratch.chmod(0o755)  # a host runs as another user
        yield scratch
        os.rename(scratch, out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_page(folder):
    """Writes the files of the page; index.html says that it computes by itself."""
    for source in (WEB, SHARED):
        for path in sorted(source.rglob("*.*")):
            name = path.relative_to(source)
            if name != HEADER and path.suffix != ".LICENSE":
                (folder / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(path, folder / name)
    page = (WEB / "index.html").read_text(encoding="utf-8")
    header = (WEB / HEADER).read_text(encoding="utf-8")
    page, replaced = SERVER_PART.subn(lambda _: header, page)
    if replaced != 1 or AFTER not in page:
        raise AssertionError("index.html: the marks for the static page are missing.")
    page = page.replace(AFTER, AFTER + META, 1)
    (folder / "index.html").write_text(page, encoding="utf-8")


def _write_models(folder, models):
    folder.mkdir()
    listed = {}
    for name, description in models.items():
        (folder / name).mkdir()
        for file, content in _files(description).items():
            (folder / name / file).write_bytes(content)
        size = sum(path.stat().st_size for path in (folder / name).iterdir())
        listed[name] = {"app": description.app, "bytes": size}
        cell = description.path.parents[1] / CELL
        if cell.exists():
            content = cell.read_bytes()
            (folder / name / CELL).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            listed[name]["cell"] = {"bytes": len(content), "sha256": digest}
    (folder / LIST).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")


def _files(description):
    """Returns the content of each file of a model, bytes by name."""
    graphs = {graph.path.name: graph.content for graph in description.graphs.values()}
    own = description.path
    return {own.name: own.read_bytes(), **graphs, **description.files}


def _sizes(folder, models):
    """Returns `(bytes, bytes as gzip)` of each part of the folder, by its name."""
    every = [path for path in folder.rglob("*") if path.is_file()]
    others = (RUNTIME, MODELS)
    parts = {
        "page": [p for p in every if p.relative_to(folder).parts[0] not in others],
        RUNTIME: [p for p in every if p.parent == folder / RUNTIME],
    }
    for name in models:
        own = [path for path in every if path.parent == folder / MODELS / name]
        parts[name] = [path for path in own if path.name != CELL]
    if cells := [path for path in every if path.name == CELL]:
        parts["the cell"] = cells
    sizes = {}
    for name, paths in parts.items():
        contents = [path.read_bytes() for path in paths]
        packed = sum(len(gzip.compress(content, 6)) for content in contents)
        sizes[name] = sum(map(len, contents)), packed
    return sizes


def _report(out, sizes):
    """Prints the size of each part, and how to look at the folder."""
    print(f"{out}:")
    width = max(map(len, sizes))
    print(f"  {'':{width}}  {'bytes':>12}  {'as gzip':>12}")
    for name, (plain, packed) in sizes.items():
        print(f"  {name:{width}}  {plain:12,}  {packed:12,}")
    print(
        f"A tab loads the page, {RUNTIME} and its model, the tab 'The cell' the files "
        f"of the cell. Look at it: python -m http.server -d {out}"
    )


def _parser():
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.static",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", metavar="OUT", help="folder to write, absent or empty")
    parser.add_argument(
        "models",
        nargs="*",
        default=[RUNS],
        metavar="[NAME=]DIRECTORY",
        help="run directories, directories with runs at any depth, or directories that "
        "contain <model>/<version>/, as for serving.server (default: runs). Of several "
        "models of an app a tab asks the one with the app's name, or the one in the "
        "page's address: ?sentiment=NAME",
    )
    return parser


def main(arguments=None):
    """Writes the folder that the command line describes."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    with report_errors():
        _report(options.out, write_static(options.out, options.models))


if __name__ == "__main__":
    main()
