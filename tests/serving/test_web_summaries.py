"""The tab Summarize shows the attention of each word of the summary."""

import pytest
from playwright.sync_api import expect

from tests.serving.web_browser import needs_browser, press


@needs_browser
@pytest.mark.slow
def test_a_word_of_the_summary_shows_where_it_looked(visit):
    page = visit("summarization")
    tab = press(page, "summarization")
    assert tab.locator(".words .copied").all_text_contents() == [
        "the (copied) ",
        "since. (copied) ",
    ]
    tab.locator(".words .word").first.focus()
    expect(tab.locator(".result .value")).to_contain_text(
        "“the”: copied (probability 98 %). The model looked at “the” (90 %)"
    )
    assert tab.locator(".document .seen").all_inner_texts() == ["the"]
    page.keyboard.press("ArrowRight")
    expect(tab.locator(".result .value")).to_contain_text("from the vocabulary")
    assert tab.locator(".document .seen").all_inner_texts() == ["elmsford"]
