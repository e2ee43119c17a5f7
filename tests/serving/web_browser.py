"""The browser for the tests of the page, and helpers to use a tab.

conftest.py registers the fixtures. A test module must not import them: it would start
a second browser.
"""

import shutil
from contextlib import contextmanager

import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.serving.web_fixtures import running

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
FAKE_MICROPHONE = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
TABS = {
    "language_modeling": "Write",
    "sentiment": "Sentiment",
    "speech_commands": "Speech",
    "summarization": "Summarize",
    "question_answering": "Answer",
}
BUTTONS = {**TABS, "sentiment": "Judge it", "speech_commands": "Try an example"}
ANSWERS = {
    "language_modeling": "The city lies on the river and the hills are near the old",
    "sentiment": "positive (88 %)",
    "speech_commands": "3 words heard in 4.0 seconds.",
    "summarization": "the thing since.",
    "question_answering": "hallway (97 %)",
}

expect.set_options(timeout=20_000)
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser in PATH: none of {', '.join(BROWSERS)}"
)


@pytest.fixture(scope="module")
def browser():
    """Starts the browser for one test file; `asyncio.run` fails while it runs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", *FAKE_MICROPHONE]
        )
        yield browser
        browser.close()


@contextmanager
def watched_pages(browser, timeout_s=20):
    """Yields a function that opens an empty page, and what all its pages do.

    That is a list of the messages in their consoles, and one of the addresses that they
    asked for. `fails=True` leaves the console out but for errors that no script caught.
    """
    contexts, messages, urls = [], [], []

    def new_page(fails=False, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(1000 * timeout_s)
        page.on("pageerror", lambda error: messages.append(str(error)))
        if not fails:
            page.on("console", lambda message: messages.append(message.text))
        page.on("request", lambda request: urls.append(request.url))
        return page

    yield new_page, messages, urls
    for context in contexts:
        context.close()


@pytest.fixture
def serving():
    with running() as serving:
        yield serving


@pytest.fixture
def visit(browser, serving):
    """Opens a tab of the page; after the test the browser's console must be empty.

    A test in which the server refuses requests or vanishes passes `fails=True`, since
    the browser logs each refusal.
    """
    allowed = {serving.address}
    with watched_pages(browser) as (new_page, messages, urls):

        def open_tab(tab="", server=None, may_ask=None, query="", **options):
            page = new_page(**options)
            allowed.update(filter(None, (server, may_ask)))
            query = f"?server={server}" if server else query
            page.goto(f"{serving.address}/{query}#{tab}")
            return page

        yield open_tab
    assert messages == [], messages
    elsewhere = [url for url in urls if not url.startswith(tuple(allowed))]
    assert elsewhere == [], elsewhere


def panel(page, model):
    return page.locator(f"#panel-{model}")


def press(page, model):
    """Presses the tab's button and waits for its gates; returns the panel."""
    tab = panel(page, model)
    tab.get_by_role("button", name=BUTTONS[model], exact=True).click()
    expect(tab.locator(".gates")).to_be_visible()
    return tab


def problem(page, model):
    message = panel(page, model).locator(".problem")
    expect(message).to_be_visible()
    return message.inner_text()


def field_colours(tab, rows, columns):
    """Returns red, green and blue at the centre of each field of the map of the gates.

    The text must be short, so that the fields have their greatest size.
    """
    pixels = tab.locator(".gates canvas").evaluate(
        """(canvas, [rows, columns]) => {
        const width = 48 * columns, height = 18 * rows;
        const { data } = canvas.getContext("2d").getImageData(64, 64, width, height);
        const at = (y, x) => [0, 1, 2].map((n) => data[4 * (y * width + x) + n]);
        return [...Array(rows).keys()].map((row) => [...Array(columns).keys()].map(
          (column) => at(18 * row + 9, 48 * column + 24))); }""",
        [rows, columns],
    )
    return np.array(pixels)


def run(page, script, argument=None):
    """Runs a JavaScript function with a function that imports a file of the page."""
    return page.evaluate(
        f"argument => ({script})(name => import(`/${{name}}`), argument)", argument
    )
