"""Fixtures of the explainer's tests in a browser."""

import pytest

from tests.experiments.explainer.tiny import tiny_page


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The page of tiny models."""
    path = tmp_path_factory.mktemp("explainer") / "explainer.html"
    path.write_text(tiny_page(), encoding="utf-8")
    return path


@pytest.fixture
def visit(browser, file):
    """Opens the page; it may load nothing else and write nothing to the console."""
    contexts, noted = [], []

    def open_page(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: noted.append(str(error)))
        page.on("console", lambda message: noted.append(message.text))
        page.on("request", lambda request: noted.append(request.url))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    addresses = [each for each in noted if not each.startswith("data:")]
    assert addresses == [file.as_uri()] * len(contexts)
