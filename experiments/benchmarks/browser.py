"""Measures the page without a server: bytes to load, and milliseconds in Chromium.

    python -m experiments.benchmarks.browser
    python -m experiments.benchmarks.browser runs/sentiment --record

`python -m serving.static` writes the folder, and a headless Chromium in PATH (from
requirements-dev.txt: playwright) opens it anew for each model, from this machine.
"""

import functools
import http.server
import json
import logging
import shutil
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

from apps.common.portable.terminal import report_errors
from experiments.benchmarks.recorded import circumstances, parser_of, record
from experiments.tables import BROWSER_PAGE, RESULTS, markdown_table
from serving import npm
from serving.exports import RUNS
from serving.static import RUNTIME, write_static

NAME, PAGE = "browser", BROWSER_PAGE
RESULT = RESULTS / f"{NAME}.json"
COLUMNS = (
    *("part", "bytes", "as gzip", "loaded in", "first answer", "later ones"),
    "an answer is",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CALLS = 20  # of which the median is taken
TEXT = (
    "Slow at first, and the plot is thin, but the two leads are wonderful and the end "
    "is a joy."
)
STORY = (
    "john went to the kitchen. mary took the milk. the sun shines. mary went to the "
    "office. john travelled to the garden. mary moved to the hallway."
)
DOCUMENT = (
    "The Elmsford Bridge is a stone road bridge over the river Wenna in the north of "
    "England. It was designed by the engineer Thomas Harrow and opened in 1831 in "
    "place of a wooden bridge, and it has carried the road to the town of Elmsford."
)
# Of each app the signature, its inputs and what is measured. `stream` goes on from the
# state that it returned.
CALLED = {
    "language_modeling": (
        "stream",
        {
            **{"prompt": ["The city lies on the"], "temperature": [0.8], "top_k": [0]},
            **{"top_p": [0.95], "repetition_penalty": [1.1], "seed": [1]},
        },
        "one more word",
    ),
    "sentiment": ("serving_default", {"text": [TEXT]}, "a text of 20 words"),
    "speech_commands": ("stream", {}, "a second of sound"),
    "summarization": ("attention", {"document": [DOCUMENT]}, "a paragraph"),
    "question_answering": (
        "serving_default",
        {"context": [STORY], "question": ["where is the milk?"]},
        "a story of 6 sentences",
    ),
}
SCRIPT = """async ([app, name, signature, inputs, calls]) => {
    const file = (path) => import(new URL(path, document.baseURI));
    const { LocalApi } = await file("local/api.js");
    const { initialState } = await file("api.js");
    const api = new LocalApi({ [app]: name });
    const timed = async (job) => {
      const began = performance.now();
      const result = await job();
      return [performance.now() - began, result];
    };
    const [loaded] = await timed(() => api.load(app));
    let carry = {};
    if (signature === "stream") {
      const described = await api.signature(app, signature);
      carry = initialState(described, [...Object.keys(inputs), "samples"]);
      if (app === "speech_commands") {
        const { hop: [hop], sample_rate_hz: [rate] } = await api.predict(app, signature,
          { samples: [[]], ...carry });
        inputs = { samples: [Array.from({ length: hop * Math.floor(rate / hop) },
          (_, n) => 0.1 * Math.sin(n / 9) * Math.sin(n / 3000))] };
      }
    }
    const times = [];
    for (let n = 0; n <= calls; n++) {
      const [time, answer] = await timed(() =>
        api.predict(app, signature, { ...inputs, ...carry }));
      times.push(time);
      for (const key of Object.keys(carry)) carry[key] = answer[key];
      if (inputs.prompt) inputs.prompt = [""];
    }
    return [loaded, ...times]; }"""


@contextmanager
def host(directory):
    """Serves a directory on a free port of this machine; yields its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Handler, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def measure(browser, address, app, name):
    """Returns the milliseconds to load a model, of the first answer and of later ones.

    A page without scripts is opened, so that nothing is loaded before the model.
    """
    page = browser.new_page()
    page.goto(f"{address}icon.svg")
    signature, inputs, _ = CALLED[app]
    arguments = [app, name, signature, inputs, CALLS]
    loaded, first, *later = page.evaluate(SCRIPT, arguments)
    page.close()
    return {
        "load_ms": round(loaded),
        "first_ms": round(first, 1),
        "later_ms": round(sorted(later)[len(later) // 2], 1),
    }


def run(places):
    """Returns a row for each part of the folder with the models in `places`.

    Raises:
        ValueError: If no browser is in PATH, or as `write_static`.
    """
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise ValueError(f"PATH: expected one of {', '.join(BROWSERS)}. Install one.")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        out = Path(scratch, "page")
        sizes = write_static(out, places)
        models = json.loads((out / "models" / "models.json").read_text())
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )
        rows = []
        with host(out) as address:
            for part, (plain, packed) in sizes.items():
                row = {"part": part, "bytes": plain, "gzip_bytes": packed}
                if part in models:
                    app = models[part]["app"]
                    row |= {"app": app, **measure(browser, address, app, part)}
                rows.append(row)
        version = browser.version
        browser.close()
    return rows, version


def table(rows):
    """Returns the rows as a Markdown table."""
    return markdown_table(COLUMNS, map(_table_row, rows))


def _table_row(row):
    part, app = row["part"], row.get("app")
    shown = f"ONNX Runtime {npm.VERSION}" if part == RUNTIME else part
    sizes = (shown, f"{row['bytes']:,}", f"{row['gzip_bytes']:,}")
    if app is None:
        return (*sizes, "", "", "", "")
    times = (f"{row['load_ms']:,}", f"{row['first_ms']:g}", f"{row['later_ms']:g}")
    return (*sizes, *(f"{time} ms" for time in times), CALLED[app][2])


def recorded_table():
    """Returns the Markdown table of the recorded rows."""
    return table(json.loads(RESULT.read_text())["rows"])


def record_rows(rows, version):
    """Writes the rows and their circumstances, and updates the table of the page."""
    result = {
        "rows": rows,
        "calls": CALLS,
        **circumstances(NAME),
        "versions": {"chromium": version, npm.NAME: npm.VERSION},
    }
    record(RESULT, PAGE, result, recorded_table)


def main(arguments=None):
    """Runs the command line."""
    parser = parser_of(NAME, __doc__, PAGE)
    parser.add_argument(
        "models",
        nargs="*",
        default=[RUNS],
        metavar="[NAME=]DIRECTORY",
        help="where the models are, as for serving.static (default: runs)",
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    with report_errors():
        rows, version = run(options.models)
        print(table(rows))
        if options.record:
            record_rows(rows, version)


if __name__ == "__main__":
    main()
