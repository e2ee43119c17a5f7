"""The tab Answer shows the attention on facts and marks the answer in a passage."""

import re

import pytest
from playwright.sync_api import expect

from apps.common.data.text import encoded
from apps.question_answering.data import story_sentences
from tests.apps.common.data.reference_tokens import golden
from tests.serving.node import LOCATED
from tests.serving.web_browser import needs_browser, press, run


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


@needs_browser
@pytest.mark.slow
def test_the_page_cuts_a_story_as_the_model_does(visit):
    stories = (
        ("Mary went. John is here!\r\n\u200bIs he?", ". . Mary", "\u3000a \u00a0. b"),
        ("\u732b\u304c\u5bdd\u305f\u3002\u72ac\u3082\uff01", "3.5 and Mr. Smith..."),
    )
    for story in sum(stories, ()):
        cut = run(
            visit("question_answering"),
            """async (load, story) =>
            (await load("sentences.js")).storySentences(story)""",
            story,
        )
        (served,) = story_sentences(encoded([story]), 64).to_list()
        assert cut == [sentence.decode() for sentence in served]


@needs_browser
@pytest.mark.slow
def test_a_browser_finds_the_tokens_of_the_golden_file(visit):
    cases = golden()
    answers = run(visit(), LOCATED, [case["text"] for case in cases])
    for case, answer in zip(cases, answers, strict=True):
        assert answer == case["tokens"], case["about"]
