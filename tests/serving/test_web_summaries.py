"""The tab Summarize: each word of the summary shows its attention."""

import pytest
from playwright.sync_api import expect

from tests.serving.web_browser import needs_browser, press


@needs_browser
@pytest.mark.slow
def test_a_word_of_the_summary_shows_where_it_looked(visit):
    page = visit("summarization")
    found = press(page, "summarization")
    assert found.locator(".words .copied").all_text_contents() == [
        "the (copied) ",
        "since. (copied) ",
    ]
    found.locator(".words .word").first.focus()
    expect(found.locator(".result .value")).to_contain_text(
        "“the”: copied (probability 98 %). The model looked at “the” (90 %)"
    )
    assert found.locator(".document .seen").all_inner_texts() == ["the"]
    page.keyboard.press("ArrowRight")
    expect(found.locator(".result .value")).to_contain_text("from the vocabulary")
    assert found.locator(".document .seen").all_inner_texts() == ["elmsford"]
