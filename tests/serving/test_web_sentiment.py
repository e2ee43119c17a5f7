"""The tab Sentiment shows the label of a text and the influence of its words."""

import pytest
from playwright.sync_api import expect

from tests.serving.web_browser import ANSWERS, needs_browser, panel, press, problem


@needs_browser
def test_a_text_gets_its_label_the_words_that_moved_it_and_its_gates(visit, serving):
    page = visit("sentiment")
    tab = press(page, "sentiment")
    expect(tab.locator(".answer")).to_have_text(ANSWERS["sentiment"])
    assert tab.locator(".bar").all_inner_texts() == [
        "negative\n12\u00a0%",
        "positive\n88\u00a0%",
    ]
    words = tab.locator(".words .word")
    assert words.count() == 20
    assert tab.locator(".words .against").all_text_contents() == [
        "thin, (7 points against) "
    ]
    joy = tab.locator(".words .for", has_text="joy")
    joy.hover()
    expect(tab.locator(".result .value")).to_have_text(
        "Without “joy.”: positive 50 % instead of 88 %, 38 points less."
    )
    thickness = "e => parseFloat(getComputedStyle(e).borderBottomWidth)"
    style = "e => getComputedStyle(e).borderBottomStyle"
    wonderful = tab.locator(".words .for", has_text="wonderful")
    against = tab.locator(".words .against")
    assert joy.evaluate(thickness) > wonderful.evaluate(thickness) > 0
    assert (joy.evaluate(style), against.evaluate(style)) == ("solid", "dashed")
    requests = [
        (signature, len(inputs["text"])) for _, signature, inputs in serving.requests
    ]
    assert requests == [("serving_default", 1 + 20 + 2), ("gates", 1)]


@needs_browser
@pytest.mark.slow
def test_the_arrow_keys_go_from_word_to_word(visit):
    page = visit("sentiment")
    tab = press(page, "sentiment")
    tab.locator(".words .word").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight"):
        page.keyboard.press(key)
    expect(tab.locator(".result .value")).to_contain_text("Without “joy.”")
    page.keyboard.press("Home")
    expect(tab.locator(".result .value")).to_contain_text("Without “Slow”")
    assert tab.locator(".words .word[tabindex='0']").count() == 1


@needs_browser
@pytest.mark.slow
def test_of_a_long_text_runs_of_words_are_left_out(visit, serving):
    page = visit("sentiment")
    page.get_by_label("A text, such as").fill("joy " * 300 + "é\ud83d\ude00 dull")
    tab = press(page, "sentiment")
    sent = serving.requests[0][2]["text"]
    assert len(sent) <= 64
    assert tab.locator(".words .word").count() == len(sent) - 3
    assert {len(text.split()) for text in sent[1:-3]} == {302 - 5}


@needs_browser
@pytest.mark.slow
def test_of_a_single_word_the_empty_text_is_asked(visit, serving):
    page = visit("sentiment")
    page.get_by_label("A text, such as").fill("dull")
    tab = press(page, "sentiment")
    expect(tab.locator(".answer")).to_have_text("negative (88 %)")
    assert serving.requests[0][2]["text"][:2] == ["dull", ""]


@needs_browser
@pytest.mark.slow
def test_no_text_is_a_problem_in_words(visit, serving):
    page = visit("sentiment")
    page.get_by_label("A text, such as").fill("  ")
    panel(page, "sentiment").get_by_role("button", name="Judge it").click()
    assert problem(page, "sentiment") == "There is no text.\n\nWrite one first."
    assert serving.requests == []
