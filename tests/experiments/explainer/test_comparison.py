"""The simple recurrent network beside the LSTM."""

import re

import keras
import numpy as np
import pytest
from playwright.sync_api import expect

from apps.common.portable.tokens import tokenize
from apps.language_modeling.export import cell_data as language_model
from experiments.explainer.quantized import round_vectors
from experiments.explainer.simple import simple_model
from tests.experiments.explainer.chromium import evaluate
from tests.experiments.explainer.tiny import (
    RULES,
    WORDS,
    language_model_run,
    tiny_page,
)
from tests.serving.web_browser import needs_browser

pytestmark = needs_browser

TEXT = "I live in Spain, I like playing football: I speak"
MODULES = {
    "comparison.js": ["Comparison"],
    "models.js": ["LanguageModel"],
    "touch.js": ["Touch"],
}
READ = """({ Comparison, LanguageModel, Touch }, [data, simple, text, changes, t]) => {
    const model = new LanguageModel(data), comparison = new Comparison(simple, data);
    const tokens = model.tokens(text), touch = new Touch(changes);
    const reading = { tokens, touch, touched: model.read(tokens, touch) };
    const place = { model, reading, layer: "lstm_1", t };
    return { ...comparison.reading(reading),
      influence: [false, true].map((each) => comparison.influence(place, each)) }; }"""
OUT = {"kind": "out", "t": 3}


def _read(browser, changes=(), t=9, text=TEXT):
    run = language_model_run()
    simple = simple_model(language_model_run("simple", 3), run)
    argument = [language_model(run), simple, text, list(changes), t]
    return evaluate(browser, MODULES, READ, argument)


def _ids(text):
    words = tokenize(text, RULES)
    return [WORDS.index("<eos>"), *(WORDS.index(w) if w in WORDS else 1 for w in words)]


def _keras(cell, seed, ids):
    """Returns logits and the states of every timestep, from rounded vectors."""
    model = language_model_run(cell, seed).model
    round_vectors(model.get_layer("embedding"))
    states, kept = [np.zeros((1, 5), "float32") for _ in model.inputs[1:]], []
    for each in ids:
        logits, *states = map(np.array, model([np.array([[each]]), *states]))
        kept.append([state[0] for state in states])
    return logits[0, 0], np.array(kept)


def test_the_simple_network_computes_what_keras_computes(browser):
    read = _read(browser)
    logits, states = _keras("simple", 3, _ids(TEXT))
    found = [step["h"] for step in read["layers"]["simple_1"]]
    np.testing.assert_allclose(found, states[:, 0], rtol=0, atol=1e-5)
    shares = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    np.testing.assert_allclose(read["answer"]["shares"], shares, rtol=0, atol=1e-5)


def test_a_word_that_is_left_out_is_left_out_of_the_simple_network(browser):
    read = _read(browser, [OUT])
    ids = _ids(TEXT)
    _, states = _keras("simple", 3, [*ids[:3], *ids[4:]])
    steps = read["layers"]["simple_1"]
    assert steps[3] is None
    found = [step["h"] for step in steps if step]
    np.testing.assert_allclose(found, states[:, 0], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("cell", "seed", "state"), [("lstm", 1, 1), ("simple", 3, 0)])
def test_the_influence_of_a_word_is_the_change_without_it(cell, seed, state, browser):
    influence = _read(browser, [OUT], t=6)["influence"][cell == "simple"]
    ids = _ids(TEXT)[:7]

    def last(*out):
        kept = [each for t, each in enumerate(ids) if t not in out]
        return _keras(cell, seed, kept)[1][-1, state]

    whole = last(3)
    expected = [
        np.linalg.norm(whole - last(3, t)) / np.linalg.norm(whole) for t in range(7)
    ]
    expected[3] = np.nan
    found = np.array(influence, float)  # NaN is null in JSON
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_no_influence_is_computed_of_words_far_back(browser):
    influence = _read(browser, t=40, text="i like " * 30)["influence"]
    for shares in influence:
        assert [share is None for share in shares] == [True] * 10 + [False] * 31


def _open(page):
    page.locator("#comparison summary").click()
    expect(page.locator("#comparison canvas")).to_have_count(2)
    return page.locator("#comparison")


def test_both_networks_answer_and_share_the_watched_word(visit):
    page = visit()
    section = _open(page)
    answers = section.locator(".bars")
    expect(answers).to_have_count(2)
    assert answers.nth(0).inner_text() == page.locator("#answer .bars").inner_text()
    assert answers.nth(1).inner_text() != answers.nth(0).inner_text()
    shown = section.locator("p.state")
    expect(shown).to_contain_text("“french”: LSTM ")
    lstm, _ = re.findall(r"\S+\s%", shown.inner_text())
    expect(page.locator(".watch .state")).to_have_text(lstm)
    page.get_by_label("Watch the word").fill("zanzibar")
    expect(shown).to_have_text("")


def test_leaving_a_word_out_changes_both_networks(visit):
    page = visit()
    section = _open(page)
    before = section.locator(".bars").all_inner_texts()
    page.get_by_role("button", name="Leave “speak” out").click()
    after = section.locator(".bars").all_inner_texts()
    assert len(before) == len(after) == 2
    assert before[0] != after[0]
    assert before[1] != after[1]
    expect(section.locator("figcaption")).to_contain_text("This word is left out.")


def test_the_unit_that_is_pointed_at_is_drawn_over_the_words(visit):
    page = visit()
    section = _open(page)
    part = section.locator(".pair > div").nth(1)
    part.locator("canvas").focus()
    page.keyboard.press("Home")
    first = part.locator("polyline").get_attribute("points")
    unit = re.search(r"“\(start\)”, unit (\d)", part.locator(".value").inner_text())[1]
    expect(part.locator("svg")).to_have_attribute(
        "aria-label", f"h of unit {unit} at each word"
    )
    page.keyboard.press("ArrowDown")
    assert part.locator("polyline").get_attribute("points") != first


def test_the_station_about_gradients_compares_what_the_far_word_leaves(visit):
    page = visit(reduced_motion="reduce")
    page.get_by_role("button", name="3. Why gradients live").click()
    caption = page.locator("#comparison figcaption")
    expect(caption).to_be_visible()
    card = page.locator("#card").inner_text()
    found = re.search(
        r"If “france” is left out, .* by (\S+\s%); .* by (\S+\s%)\.", card
    )
    before = page.locator("#comparison polyline").nth(2).get_attribute("points")
    assert len(before.split()) == len(page.locator("#tokens button").all())
    assert found[1] != found[2]


def test_the_comparison_is_of_the_language_model_alone(visit):
    page = visit()
    section = _open(page)
    page.get_by_label("Model").select_option("sentiment")
    expect(section).to_be_hidden()
    page.get_by_label("Model").select_option("language_modeling")
    expect(section.locator("canvas").first).to_be_visible()


def test_a_page_without_a_simple_network_has_no_comparison(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(tiny_page(simple=False), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.get_by_role("button", name="3. Why gradients live").click()
    expect(page.locator("#card")).to_be_visible()
    expect(page.locator("#comparison")).to_be_hidden()
    page.close()
