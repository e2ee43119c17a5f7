"""The tab Answer shows the attention on facts and marks the answer in a passage."""

import re

import pytest
from playwright.sync_api import expect

from tests.serving.web_browser import needs_browser, press


@needs_browser
@pytest.mark.slow
def test_a_story_shows_the_facts_that_it_looked_at(visit):
    page = visit("question_answering")
    tab = press(page, "question_answering")
    rows = tab.locator(".facts tbody tr").all_inner_texts()
    # The test server keeps the last four sentences, as a model keeps its last ones.
    assert rows == [
        "the sun shines\t90\u00a0%\t3\u00a0%",
        "mary went to the office\t3\u00a0%\t3\u00a0%",
        "john travelled to the garden\t3\u00a0%\t3\u00a0%",
        "mary moved to the hallway\t3\u00a0%\t90\u00a0%",
    ]
    layers = (
        tab.get_by_role("combobox", name="Layer").locator("option").all_inner_texts()
    )
    assert layers == [
        "forward_story_1",
        "backward_story_1 (from the end)",
        "question_reader",
    ]


@needs_browser
@pytest.mark.slow
def test_in_a_passage_the_answer_is_marked_by_characters(visit, serving):
    serving.passages = True
    page = visit("question_answering")
    context = page.get_by_label("A story, one fact")
    expect(context).to_have_value(re.compile("lighthouse"))
    context.fill("😀🌊 Ann Innes built it.")
    tab = press(page, "question_answering")
    expect(tab.locator("mark")).to_have_text("Innes")
