"""The page of an explanation in a browser, opened as a file and without a network."""

import re

import pytest
from playwright.sync_api import expect

from apps.common.explain.page import page
from apps.common.explain.traces import Explanation, Trace
from tests.apps.common.explain.random_gates import random_gates
from tests.serving.web_browser import needs_browser

WORDS = ["a", "warm", "film"]


@pytest.fixture
def traces():
    return [
        Trace("lstm_1", WORDS, random_gates(3), False),
        Trace("lstm_2", WORDS, random_gates(3, units=5), False),
    ]


@pytest.fixture
def opened(browser, traces, tmp_path):
    """Opens the page of an explanation; afterwards nothing may be in the console."""
    path = tmp_path / "1.html"
    path.write_text(page(Explanation("a warm film", "good", traces)), encoding="utf-8")
    context = browser.new_context(offline=True)
    opened, said, asked = context.new_page(), [], []
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("console", lambda message: said.append(message.text))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(path.as_uri())
    yield opened
    context.close()
    assert said == []
    assert asked == [path.as_uri()]


def shown(opened, row, word, value):
    text = re.compile(f"{row}, {word}: ")
    expect(opened.locator("#value")).to_have_text(text)
    found = float(opened.locator("#value").inner_text().rpartition(" ")[2])
    assert found == pytest.approx(value, abs=0.01)


@needs_browser
@pytest.mark.slow
def test_a_field_that_is_pointed_at_tells_its_value(opened, traces):
    f, order = traces[0].gates["f"], traces[0].order()
    shown(opened, f"unit {order[0]}", "a", f[0, order[0]])
    canvas = opened.locator("canvas")
    canvas.hover(position={"x": 64 + 48 + 20, "y": 64 + 18 + 9})
    shown(opened, f"unit {order[1]}", "warm", f[1, order[1]])
    canvas.focus()
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("ArrowUp")
    shown(opened, f"unit {order[0]}", "film", f[2, order[0]])


@needs_browser
@pytest.mark.slow
def test_each_layer_and_map_can_be_chosen(opened, traces):
    canvas = opened.locator("canvas")
    expect(canvas).to_have_attribute(
        "aria-label", re.compile("forget gate f of layer lstm_1. Arrow keys move")
    )
    before = canvas.evaluate("c => c.toDataURL()")
    opened.get_by_role("combobox", name="Layer").select_option("lstm_2")
    opened.get_by_role("combobox", name="Shown").select_option("cell state C")
    expect(canvas).to_have_attribute("aria-label", re.compile("cell state C.* lstm_2"))
    assert canvas.evaluate("c => c.toDataURL()") != before
    c, order = traces[1].gates["c"], traces[1].order()
    shown(opened, f"unit {order[0]}", "a", c[0, order[0]])
    opened.get_by_role("combobox", name="Shown").select_option("still held")
    canvas.focus()
    opened.keyboard.press("ArrowDown")
    shown(opened, "held at warm", "a", traces[1].shares()[1, 0])
