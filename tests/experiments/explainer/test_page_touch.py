"""The explainer as its reader interferes with it."""

import re

from playwright.sync_api import expect

from tests.experiments.explainer.reader import (
    current_word,
    value_of,
    word_button,
)
from tests.serving.web_browser import needs_browser

pytestmark = needs_browser


def test_a_touch_changes_the_answer_beside_the_untouched_one(visit):
    page = visit()
    before = page.locator("#answer .bars").inner_text()
    curve = page.locator("#zoom polyline.curve.f").get_attribute("points")
    page.get_by_label("For which units").select_option("all")
    page.get_by_label("At which words").select_option("all")
    page.get_by_role("button", name="Hold", exact=True).click()
    lists = page.locator("#answer .bars")
    expect(lists).to_have_count(2)
    assert lists.nth(0).inner_text() != before
    assert lists.nth(1).inner_text() == before
    assert value_of(page, "f") == value_of(page, "kept") == 0
    expect(page.locator("#answer-live")).to_contain_text("Untouched: ")
    pale = page.locator("#zoom .curve.before.f")
    assert pale.get_attribute("points") == curve
    assert (
        page.locator("#zoom polyline.curve.f:not(.before)").get_attribute("points")
        != curve
    )
    page.get_by_role("button", name="Undo: forget gate held shut").click()
    expect(lists).to_have_count(1)
    assert lists.inner_text() == before


def test_a_wiped_cell_state_holds_nothing_of_before(visit):
    page = visit()
    word_button(page, "france").click()
    held = page.locator("#zoom figcaption")
    expect(held).not_to_contain_text("“france” 100 %")
    page.get_by_role("button", name="Wipe the cell state before “france”").click()
    expect(held).to_have_text(
        "Still held. Who wrote the cell state after “france”: “france” 100 %."
    )
    assert value_of(page, "c_prev") == 0


def test_gates_are_held_from_a_word_on(visit):
    page = visit()
    word_button(page, "france").click()
    page.locator("#unit-choice").select_option("4")
    page.get_by_label("Gate", exact=True).select_option("output gate")
    page.get_by_label("For which units").select_option("this unit")
    page.get_by_label("At which words").select_option("this word and all after")
    page.get_by_role("button", name="Hold", exact=True).click()
    expect(page.locator(".changes li")).to_contain_text(
        "output gate held shut: unit 4, “france” to “speak”"
    )
    shut = []
    for word in ("in", "france", ",", "speak"):
        word_button(page, word).click()
        shut.append(value_of(page, "o") == 0)
    assert shut == [False, True, True, True]
    page.locator("#unit-choice").select_option("3")
    assert value_of(page, "o") != 0


def test_a_long_text_is_read_to_the_word_that_the_page_shows(visit):
    page = visit()
    page.get_by_label("Your sentence").fill("i live " * 70)
    expect(page.locator("#tokens button")).to_have_count(120)
    expect(page.locator("#where")).to_contain_text("Later words are not read.")
    assert not re.search("NaN|undefined", page.locator("main").inner_html())


def test_a_word_is_left_out_and_comes_back(visit):
    page = visit()
    word_button(page, "france").click()
    page.get_by_role("button", name="Leave “france” out").click()
    expect(word_button(page, "france")).to_have_class(re.compile(r"\bout\b"))
    undo = page.get_by_role("button", name="Undo: “france” left out")
    expect(undo).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Gate", exact=True)).to_be_focused()
    expect(word_button(page, "france")).not_to_have_class(re.compile(r"\bout\b"))
    word_button(page, "(start)").click()
    expect(page.get_by_role("button", name="Leave “(start)” out")).to_be_disabled()


def test_a_new_sentence_is_read_untouched(visit):
    page = visit()
    word_button(page, "france").click()
    page.get_by_role("button", name="Leave “france” out").click()
    page.get_by_label("Your sentence").fill("i like playing football in france")
    expect(current_word(page)).to_have_text("france")
    expect(page.locator("#tokens .out")).to_have_count(0)
    expect(page.locator("#answer .bars")).to_have_count(1)
