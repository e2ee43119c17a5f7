"""The page: its files, tabs, sizes, colours and field names."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.serving.web_browser import (
    ANSWERS,
    TABS,
    field_colours,
    needs_browser,
    panel,
    press,
)
from tests.serving.web_fixtures import SHARED, WEB

PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 3}


def test_each_file_is_short_and_loads_nothing_from_elsewhere():
    for path in (*WEB.rglob("*"), *SHARED.iterdir()):
        if path.is_dir() or path.suffix == ".wav":
            continue
        content = path.read_text(encoding="utf-8")
        assert len(content.splitlines()) <= 300, path.name
        addresses = re.findall(
            r"""(?:src|href|url|import|fetch)\W+https?://""", content
        )
        assert addresses == [], path.name


def test_no_style_or_script_is_inline():
    """A Content-Security-Policy of `default-src 'self'` allows the page."""
    content = (WEB / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*src=)", content)


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("model", TABS, ids=TABS.values())
def test_each_tab_answers_its_example(model, visit):
    page = visit(model)
    tab = press(page, model)
    expect(tab.locator(".result")).to_contain_text(ANSWERS[model])
    expect(tab.locator(".problem")).to_have_count(0)
    expect(page.get_by_role("tab", name=TABS[model])).to_have_attribute(
        "aria-selected", "true"
    )


@needs_browser
@pytest.mark.slow
def test_a_newer_request_supersedes_an_older_one(visit, serving):
    serving.delay_s = 0.5
    page = visit("sentiment")
    tab = panel(page, "sentiment")
    page.get_by_label("A text, such as").fill("dull")
    tab.get_by_role("button", name="Judge it").click()
    page.get_by_label("A text, such as").fill("a joy")
    serving.delay_s = 0.0
    press(page, "sentiment")
    page.wait_for_timeout(700)
    expect(tab.locator(".answer")).to_have_text("positive (88 %)")
    assert tab.locator(".answer").count() == 1


@needs_browser
@pytest.mark.slow
def test_the_tabs_are_worked_with_the_keyboard(visit):
    page = visit()
    page.get_by_role("tab", name="Write").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Sentiment")).to_be_focused()
    expect(panel(page, "sentiment")).to_be_visible()
    expect(panel(page, "language_modeling")).to_be_hidden()
    page.keyboard.press("End")
    expect(panel(page, "question_answering")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Write")).to_be_focused()
    assert page.url.endswith("#language_modeling")
    assert page.locator("[role=tab][tabindex='0']").count() == 1


@needs_browser
@pytest.mark.slow
def test_the_history_of_the_browser_goes_through_the_tabs(visit):
    page = visit("summarization")
    page.get_by_role("tab", name="Speech").click()
    expect(panel(page, "speech_commands")).to_be_visible()
    page.go_back()
    expect(panel(page, "summarization")).to_be_visible()


@needs_browser
@pytest.mark.slow
def test_at_the_width_of_a_phone_only_boxes_scroll_sideways(visit):
    page = visit("language_modeling", **PHONE)
    for model in TABS:
        page.get_by_role("tab", name=TABS[model]).click()
        press(page, model)
        wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1] == 360, model
    ratio = (
        panel(page, model)
        .locator(".gates canvas")
        .evaluate("c => c.width / c.clientWidth")
    )
    assert ratio == pytest.approx(3, abs=0.02)


@needs_browser
@pytest.mark.slow
def test_in_dark_mode_page_and_values_near_0_are_dark(visit):
    for scheme in ("light", "dark"):
        page = visit("sentiment", color_scheme=scheme)
        page.get_by_label("A text, such as").fill("one two three")
        tab = press(page, "sentiment")
        tab.get_by_role("combobox", name="Shown").select_option("cell state C")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        paper = [int(number) for number in re.findall(r"\d+", paper)]
        fields = field_colours(tab, 5, 3)
        near_0 = fields[np.unravel_index(np.ptp(fields, axis=-1).argmin(), (5, 3))]
        for colour in (paper, near_0):
            dark = max(colour) < 60, min(colour) < 200
            assert dark == ((scheme == "dark"),) * 2


@needs_browser
@pytest.mark.slow
def test_every_field_and_button_has_a_name(visit):
    page = visit()
    for model in TABS:
        page.get_by_role("tab", name=TABS[model]).click()
        for role in ("button", "textbox", "slider", "spinbutton", "combobox"):
            for field in panel(page, model).get_by_role(role).all():
                snapshot = field.aria_snapshot()
                assert re.match(rf"""- '?{role} ".""", snapshot), snapshot
