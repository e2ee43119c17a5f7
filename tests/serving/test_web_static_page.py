"""The static page, in a browser: its tabs, the microphone, and what goes wrong."""

import json
import shutil

import pytest
from playwright.sync_api import expect

from tests.serving.static_fixtures import AT
from tests.serving.web_browser import BUTTONS, TABS, needs_browser, panel, press

pytestmark = [needs_browser, pytest.mark.slow]


@pytest.mark.parametrize("model", TABS, ids=TABS.values())
def test_each_tab_answers_its_example_and_shows_its_gates(model, visit_static):
    page = visit_static(model)
    tab = press(page, model)
    expect(tab.locator(".result")).not_to_be_empty()
    expect(tab.locator(".problem")).to_have_count(0)
    expect(page.locator("#server-name")).to_have_text("this page, 5 of 5 models")


def test_another_model_of_an_app_is_asked_by_the_address(visit_static):
    page = visit_static("question_answering", query="?question_answering=passages")
    expect(page.get_by_label("A question about it")).to_have_value(
        "Who built the lighthouse?"
    )
    tab = press(page, "question_answering")
    expect(tab.locator(".result")).to_contain_text("The answer in the passage")


def test_the_microphone_is_heard_without_a_server(visit_static):
    """The browser's fake microphone beeps once a second."""
    page = visit_static("speech_commands", permissions=["microphone"])
    tab = panel(page, "speech_commands")
    tab.get_by_role("button", name="Listen").click()
    expect(tab.locator(".result .state")).to_have_text("Listening. Say a word.")
    page.wait_for_timeout(1500)
    tab.get_by_role("button", name="Stop").click()
    expect(tab.locator(".result .state")).to_contain_text("heard in")
    expect(tab.locator(".gates")).to_be_visible()


def test_without_webassembly_one_line_says_so(visit_static):
    page = visit_static("sentiment", before="delete globalThis.WebAssembly")
    notice = page.locator("#notice .problem")
    expect(notice).to_contain_text("This browser has no WebAssembly")
    assert page.locator(".problem").count() == 1


@pytest.fixture
def damaged(static_site, tmp_path):
    """Makes a copy of the page beside it; returns its name, and the models' folder."""
    copy = static_site / tmp_path.name
    shutil.copytree(static_site / AT, copy)
    yield copy.name, copy / "models"
    shutil.rmtree(copy)


def test_a_model_that_is_not_in_the_folder_names_the_commands(damaged, visit_static):
    at, models = damaged
    listed = json.loads((models / "models.json").read_text())
    del listed["sentiment"]
    (models / "models.json").write_text(json.dumps(listed))
    page = visit_static("sentiment", at=at)
    problem = panel(page, "sentiment").locator(".problem")
    expect(problem).to_contain_text("The model sentiment is not in this folder.")
    expect(problem).to_contain_text("python -m serving.static")
    expect(page.locator("#server-name")).to_have_text("this page, 4 of 5 models")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda path: path.unlink(),
            "sentiment/sentiment.onnx could not be loaded (404)",
        ),
        (
            lambda path: path.write_bytes(path.read_bytes()[:5000]),
            "sentiment/sentiment.onnx: not the file that was exported",
        ),
    ],
    ids=["missing", "cut off"],
)
def test_a_graph_that_cannot_be_loaded_is_told(damage, message, damaged, visit_static):
    at, models = damaged
    damage(models / "sentiment" / "sentiment.onnx")
    page = visit_static("sentiment", at=at, fails=True)
    problem = panel(page, "sentiment").locator(".problem")
    expect(problem.first).to_contain_text(message)
    expect(problem.first).to_contain_text("Write the folder again")


def test_a_folder_without_the_runtime_says_so(damaged, visit_static):
    at, models = damaged
    shutil.rmtree(models.parent / "onnxruntime")
    page = visit_static("sentiment", at=at, fails=True)
    expect(page.locator("#notice .problem")).to_contain_text("did not start")
    panel(page, "sentiment").get_by_role("button", name=BUTTONS["sentiment"]).click()
    expect(panel(page, "sentiment").locator(".result .problem")).to_be_visible()
