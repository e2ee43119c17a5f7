"""Fixtures of the explainer's tests in a browser."""

import pytest

from tests.experiments.explainer.tiny import tiny_page
from tests.serving.web_browser import watched_pages


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The page of tiny models."""
    path = tmp_path_factory.mktemp("explainer") / "explainer.html"
    path.write_text(tiny_page(), encoding="utf-8")
    return path


@pytest.fixture
def visit(browser, file):
    """Opens the page; it may load nothing else and write nothing to the console."""
    opened = 0
    with watched_pages(browser) as (new_page, messages, urls):

        def open_page(**options):
            nonlocal opened
            opened += 1
            page = new_page(**options)
            page.goto(file.as_uri())
            return page

        yield open_page
    assert messages == []
    addresses = [each for each in urls if not each.startswith("data:")]
    assert addresses == [file.as_uri()] * opened
