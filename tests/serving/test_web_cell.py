"""The tab "The cell", in a browser, on the models of a server and of a folder."""

import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from serving.application import create_app
from serving.models import Models, find_models
from tests.experiments.explainer.reader import current_word, value_of, word_button
from tests.serving.live import serving as live
from tests.serving.web_browser import needs_browser, panel, watched_pages

pytestmark = [needs_browser, pytest.mark.slow]
TEXT = "it was a good film , and the plot"
WIRES = ("f", "i", "c_tilde", "c", "o", "h")
UNIT = 2
ROUNDING = 0.02  # two decimals, and what int8 word vectors change


@pytest.fixture
def models(finished_run, finished_language_run):
    """The models of two finished runs, under the names of their apps."""
    places = [f"sentiment={finished_run}", f"language_modeling={finished_language_run}"]
    models = Models(lambda: find_models(places))
    models.refresh()
    return models


@pytest.fixture
def visit_served(browser, models):
    """Opens a tab of a server's page; it calls no other host, its console is empty."""
    with (
        live(create_app(models)) as port,
        watched_pages(browser) as (new_page, messages, urls),
    ):
        address = f"http://127.0.0.1:{port}/"

        def open_tab(tab="cell", **options):
            page = new_page(**options)
            page.goto(f"{address}#{tab}")
            return page

        yield open_tab
    assert messages == []
    assert [url for url in urls if not url.startswith(address)] == []


def ask(models, app, signature, text=TEXT):
    """Returns what a served model answers to a text, by the name of the output."""
    inputs = {"text": np.array([text.encode()], object)}
    outputs = models.get(app).signature(signature)(inputs)
    return {name: value[0] for name, value in outputs.items()}


def read(page, app):
    """Lets the page read `TEXT` by the model of an app, to its last word."""
    page.locator("#app").select_option(app)
    page.get_by_label("Your sentence").fill(TEXT)
    expect(current_word(page)).to_have_text("plot")
    page.locator("#unit-choice").select_option(str(UNIT))


def layer_of(page):
    """Returns the name of the layer whose unit the page shows."""
    return page.locator("#layer").input_value()


@pytest.mark.parametrize("app", ["language_modeling", "sentiment"])
def test_the_tab_shows_the_gates_that_the_server_answers(app, models, visit_served):
    page = visit_served()
    read(page, app)
    expected, layer = ask(models, app, "gates"), layer_of(page)
    last = expected[f"{layer}_tokens"].tolist().index(b"plot")
    for wire in WIRES:
        value = expected[f"{layer}_{wire}"][last, UNIT]
        assert value_of(page, wire) == pytest.approx(value, abs=ROUNDING), wire


def test_the_tab_shows_the_answers_that_the_server_answers(models, visit_served):
    page = visit_served()
    read(page, "sentiment")
    shares = {
        bar.locator(".name").inner_text(): percent(bar.locator(".number").inner_text())
        for bar in page.locator("#answer .bar").all()
    }
    expected = ask(models, "sentiment", "serving_default")["probabilities"]
    assert sorted(shares.values()) == pytest.approx(sorted(expected), abs=ROUNDING)
    label = ask(models, "sentiment", "serving_default")["label"].decode()
    assert max(shares, key=shares.get) == label
    read(page, "language_modeling")
    page.get_by_label("Watch the word").fill("film")
    found = percent(page.locator(".watch .state").inner_text())
    answer = ask(models, "language_modeling", "serving_default", f"{TEXT} film")
    words = len(TEXT.split())
    assert found == pytest.approx(
        np.exp(answer["token_log_probabilities"][words]), rel=0.1
    )


def percent(text):
    """Returns the share that a text such as "12.3 %" has."""
    return float(re.match(r"[\d.]+", text)[0]) / 100


def test_the_tab_is_opened_last_and_its_models_are_loaded_then(visit_served):
    page = visit_served("language_modeling")
    asked = []
    page.on("request", lambda request: asked.append(request.url.split("/", 3)[3]))
    tab = page.get_by_role("tab", name="The cell")
    expect(tab).to_be_visible()
    expect(page.locator("#server-name")).to_contain_text("2 of 5 models")
    assert [url for url in asked if "cell" in url] == []
    page.get_by_role("tab", name="Write").focus()
    page.keyboard.press("End")
    expect(tab).to_be_focused()
    expect(current_word(page)).to_be_visible()
    assert page.url.endswith("#cell")
    assert {url for url in asked if url.startswith("v1")} == {
        "v1/models/language_modeling/cell",
        "v1/models/sentiment/cell",
    }
    page.get_by_role("tab", name="Sentiment").click()
    expect(panel(page, "cell")).to_be_hidden()
    page.get_by_label("A text, such as").fill("a film")  # its id is "text", too
    page.go_back()
    expect(page.get_by_label("Your sentence")).not_to_have_value("a film")


def test_the_tab_is_worked_by_keys_and_touched(visit_served):
    page = visit_served()
    read(page, "sentiment")
    word_button(page, "was").click()
    page.keyboard.press("ArrowLeft")
    expect(current_word(page)).to_have_text("it")
    expect(current_word(page)).to_be_focused()
    page.get_by_role("button", name="Leave “it” out").click()
    expect(page.locator("#answer .bars")).to_have_count(2)
    page.get_by_role("button", name="Undo: “it” left out").click()
    page.locator("#part-o").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#zoom .product").first).to_be_visible()
    page.get_by_role("button", name="6. Try your own").click()
    expect(page.locator("#card h3")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="6. Try your own")).to_be_focused()


def test_the_tab_fits_a_phone_and_is_dark_where_the_page_is(visit_served):
    page = visit_served(viewport={"width": 390, "height": 800}, color_scheme="dark")
    expect(current_word(page)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    ink = page.locator("#value-f text").evaluate("text => getComputedStyle(text).fill")
    assert ink == "rgb(240, 195, 90)"


def test_one_model_is_enough(visit_served):
    page = visit_served("sentiment")
    served = {"models": ["sentiment"], "cells": {"sentiment": 1}}
    page.route("**/v1/models", lambda route: route.fulfill(json=served))
    page.reload()
    page.get_by_role("tab", name="The cell").click()
    expect(page.locator("#app option")).to_have_text(["judges a text"])
    expect(page.locator("#stations button")).to_have_text(["6. Try your own"])


def test_without_a_cell_there_is_no_tab_and_its_address_says_why(visit):
    """A server that lists no cells, as before there were any."""
    page = visit("sentiment")
    expect(page.locator("#server-name")).to_contain_text("5 of 5 models")
    tab = page.get_by_role("tab", name="The cell")
    expect(tab).to_be_hidden()
    page.get_by_role("tab", name="Sentiment").focus()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Answer")).to_be_focused()
    page.goto(page.url.split("#")[0] + "#cell")
    expect(panel(page, "cell").locator(".problem")).to_contain_text(
        "No model has the data for this tab."
    )
    expect(tab).to_be_visible()


def test_a_cell_of_another_format_is_told(visit_served):
    page = visit_served("sentiment")
    body = json.dumps({"format": 2, "app": "sentiment"})
    page.route("**/sentiment/cell", lambda route: route.fulfill(body=body))
    page.get_by_role("tab", name="The cell").click()
    problem = panel(page, "cell").locator(".problem")
    expect(problem).to_contain_text(
        "expected format 1 of sentiment. Received: format 2"
    )
    assert current_word(page).count() == 0


def test_the_page_without_a_server_computes_the_cell_too(visit_static):
    page = visit_static("cell")
    read(page, "sentiment")
    assert 0 < value_of(page, "f") < 1
    expect(page.locator("#answer .bar")).to_have_count(2)
