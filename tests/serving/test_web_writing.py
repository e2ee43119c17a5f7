"""The tab Write generates text token by token with the given settings."""

import re

import pytest
from playwright.sync_api import expect

from tests.serving.web_browser import needs_browser, panel, press, problem


@needs_browser
@pytest.mark.slow
def test_a_text_is_written_token_by_token_until_the_model_ends_it(visit, serving):
    page = visit("language_modeling")
    tab = press(page, "language_modeling")
    expect(tab.locator(".written")).to_have_text(
        "The city lies on the river and the hills are near the old town."
    )
    expect(tab.locator(".state")).to_contain_text("Length 9. The model ended the text.")
    expect(tab.locator(".state")).to_contain_text("again, and, ⏎.")
    streamed = [inputs for _, name, inputs in serving.requests if name == "stream"]
    assert len(streamed) == 10
    assert [one["prompt"][0] for one in streamed[:2]] == [
        "The city lies on the river",
        "",
    ]
    assert streamed[0]["token_ids"] == [[]]
    assert streamed[3]["token_ids"] == [[1, 2, 3]]
    assert len({one["seed"][0] for one in streamed}) == 1
    assert streamed[0]["temperature"] == [0.8]
    assert serving.requests[-1] == (
        "language_modeling",
        "gates",
        {"text": ["The city lies on the river and the hills are near the old town."]},
    )


@needs_browser
@pytest.mark.slow
def test_settings_are_sent_and_no_more_words_are_written_than_asked(visit, serving):
    page = visit("language_modeling")
    page.get_by_label("Temperature").fill("0")
    page.get_by_label("Top-p").fill("1")
    page.get_by_role("spinbutton", name="Length").fill("3")
    tab = press(page, "language_modeling")
    expect(tab.locator(".state")).to_contain_text("Length 3. The length is reached.")
    first = serving.requests[0][2]
    assert (first["temperature"], first["top_p"], first["top_k"]) == ([0], [1], [0])
    assert sum(name == "stream" for _, name, _ in serving.requests) == 3


@needs_browser
@pytest.mark.slow
def test_stop_ends_the_writing_and_keeps_what_is_written(visit, serving):
    serving.delay_s = 0.3
    page = visit("language_modeling")
    tab = panel(page, "language_modeling")
    tab.get_by_role("button", name="Write").click()
    expect(tab.locator(".state")).to_contain_text(
        re.compile("Length [3-7] of at most 40")
    )
    tab.get_by_role("button", name="Stop").click()
    expect(tab.locator(".state")).to_contain_text("Stopped.")
    expect(tab.locator(".gates")).to_be_visible()
    expect(tab.get_by_role("button", name="Stop")).to_be_disabled()
    assert re.search(r"river and the hills", tab.locator(".written").inner_text())
    count = sum(name == "stream" for _, name, _ in serving.requests)
    assert count < 8


@needs_browser
@pytest.mark.slow
def test_a_model_without_the_stream_asks_for_a_new_export(visit, serving):
    del serving.signatures["language_modeling"]["stream"]
    page = visit("language_modeling")
    panel(page, "language_modeling").get_by_role("button", name="Write").click()
    assert "python -m experiments.language_modeling export" in problem(
        page, "language_modeling"
    )
