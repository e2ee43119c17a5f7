"""Models with ONNX graphs, the archive of ONNX Runtime, and a static host for tests."""

import functools
import hashlib
import http.server
import importlib
import io
import tarfile
import threading
from contextlib import contextmanager

import pytest

from apps.common.portable.files import cache_directory
from serving import npm
from serving.static import write_static
from tests.serving.web_browser import TABS, watched_pages

FIXTURES = {
    "language_modeling": "language_run",
    "sentiment": "trained_run",
    "speech_commands": "speech_run",
    "summarization": "summarization_run",
    "question_answering": "question_run",
}
AT = "folder/page"  # of the page on its host


def onnx_export(predictor, runs):
    """Writes the graphs of a run into a run directory of a recipe; returns its path."""
    from apps.common.export.onnx.export import write_files
    from apps.common.export.onnx.writer import onnx_model

    run = runs / predictor.name / "recipe" / "seed-1"
    version = run / "export" / predictor.name / "1"
    version.mkdir(parents=True)
    models = {name: onnx_model(f, name) for name, f in predictor.graphs().items()}
    write_files(version / "onnx", predictor, models)
    return run


def put_archive(patch, files):
    """Puts an archive with these files into the cache of `npm.fetch`; pins its hash."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    patch.setattr(npm, "SHA256", sha256)
    path = cache_directory() / npm.NAME / sha256[:12] / f"{npm.NAME}-{npm.VERSION}.tgz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.getvalue())
    return path


def real_archive():
    """Puts the real archive into the user's cache, or skips the test."""
    try:
        return npm.fetch()
    except ValueError as error:
        pytest.skip(f"onnxruntime-web: {error}")


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Prints nothing about connections that a closed page breaks."""


@contextmanager
def hosting(directory):
    """Serves a directory as a static host does; yields its address."""
    handler = functools.partial(_Handler, directory=str(directory))
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def predictors(request):
    """The `Predictor` of each app."""
    runs = {app: request.getfixturevalue(name) for app, name in FIXTURES.items()}
    runs["passages"] = request.getfixturevalue("passage_run")
    return {
        name: importlib.import_module(
            f"apps.{name if name in TABS else 'question_answering'}.predict"
        ).Predictor.load(run)
        for name, run in runs.items()
    }


@pytest.fixture(scope="session")
def static_site(predictors, tmp_path_factory):
    """A folder of a host, in which `AT` is the page with six models and two cells."""
    from apps.common.export.cell import write_cell

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CAROUSEL_CACHE")  # the user's own cache: no download each time
        real_archive()
        site, runs = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("runs")
        places = [
            f"{name}={onnx_export(predictor, runs / name)}"
            for name, predictor in predictors.items()
        ]
        for app in ("language_modeling", "sentiment"):
            version = runs / app / app / "recipe" / "seed-1" / "export" / app / "1"
            data_of = importlib.import_module(f"apps.{app}.export").cell_data
            write_cell(version, predictors[app], data_of)
        write_static(site / AT, places)
    return site


@pytest.fixture(scope="session")
def static_host(static_site):
    with hosting(static_site) as address:
        yield address


@pytest.fixture
def visit_static(browser, static_host):
    """Opens a tab of the static page; it calls no other host, its console is empty."""
    with watched_pages(browser, timeout_s=60) as (new_page, messages, urls):

        def open_tab(tab="", query="", before=None, at=AT, **options):
            page = new_page(**options)
            if before:
                page.add_init_script(before)
            page.goto(f"{static_host}/{at}/{query}#{tab}")
            return page

        yield open_tab
    assert messages == [], messages
    elsewhere = [
        url for url in urls if not url.startswith((f"{static_host}/", "blob:"))
    ]
    assert elsewhere == [], elsewhere
