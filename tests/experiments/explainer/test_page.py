"""The explainer as its reader uses it."""

import re

import pytest
from playwright.sync_api import expect

from experiments.drawings.live_unit import live_unit
from tests.experiments.explainer.reader import (
    current_word,
    level_button,
    value_of,
    word_button,
)
from tests.experiments.explainer.tiny import LABELS
from tests.experiments.test_drawings_legible import faults
from tests.serving.web_browser import needs_browser

pytestmark = needs_browser

# Returns the texts that are hard to read: their contrast is below 4.5 (WCAG 2.2, AA).
FAINT = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => numbers(colour).slice(0, 3).map((value) => value / 255)
    .map((value) =>
      (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, n) => sum + [0.2126, 0.7152, 0.0722][n] * value, 0);
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if ((numbers(colour)[3] ?? 1) > 0.5) return colour;
    }
  };
  return [...document.querySelectorAll("body *")].filter((element) => {
    const words = [...element.childNodes].some((node) =>
      node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (!words || !element.getClientRects().length || element.disabled
      || element.closest("option, script, title, desc")) return false;
    const style = getComputedStyle(element);
    const ink = luminance(element.closest("svg") ? style.fill : style.color);
    const paper = luminance(ground(element.closest("svg")?.parentElement ?? element));
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) < 4.5
      || style.opacity < 1;
  }).map((element) => element.textContent); }"""


def test_the_drawing_with_values_can_be_read_on_a_phone(browser):
    found = faults(browser, live_unit("\N{MINUS SIGN}0.00"))
    assert found["faults"] == []
    assert found["count"] > 30


def test_the_drawing_shows_a_step_of_the_chosen_unit(visit):
    page = visit()
    word_button(page, "france").click()
    page.locator("#unit-choice").select_option("3")
    v = {
        wire: value_of(page, wire)
        for wire in ("f", "c_prev", "kept", "i", "c_tilde", "written", "c", "o", "h")
    }
    assert v["kept"] == pytest.approx(v["f"] * v["c_prev"], abs=0.02)
    assert v["written"] == pytest.approx(v["i"] * v["c_tilde"], abs=0.02)
    assert v["c"] == pytest.approx(v["kept"] + v["written"], abs=0.02)
    assert v["h"] == pytest.approx(v["o"] * value_of(page, "tanh_c"), abs=0.02)
    h, c = v["h"], v["c"]
    word_button(page, ",").click()
    assert (value_of(page, "h_prev"), value_of(page, "c_prev")) == (h, c)


def test_arrow_keys_walk_over_the_words(visit):
    page = visit()
    expect(current_word(page)).to_have_text("speak")
    current_word(page).focus()
    for key, word in (
        ("ArrowLeft", "i"),
        ("ArrowLeft", ","),
        ("Home", "(start)"),
        ("ArrowRight", "i"),
        ("End", "speak"),
    ):
        page.keyboard.press(key)
        expect(current_word(page)).to_have_text(word)
        expect(current_word(page)).to_be_focused()
    expect(page.locator("#live")).to_contain_text("speak, word 8 of 8. forget gate 0.")


def test_play_goes_from_the_first_word_to_the_last_and_stops(visit):
    page = visit()
    page.clock.install()
    page.get_by_role("button", name="Play").click()
    expect(current_word(page)).to_have_text("(start)")
    page.clock.run_for(2000)
    expect(current_word(page)).to_have_text("live")
    page.clock.run_for(10_000)
    expect(current_word(page)).to_have_text("speak")
    expect(page.get_by_role("button", name="Play")).to_have_attribute(
        "aria-pressed", "false"
    )


def test_zooming_in_and_out_keeps_the_word_and_the_unit(visit):
    page = visit()
    word_button(page, "france").click()
    level_button(page, "Unit").click()
    page.locator("#unit-choice").select_option("2")
    expect(page.locator("#zoom .equations > li")).to_have_count(6)
    page.get_by_role("button", name="Look into the sum of the input gate").click()
    expect(level_button(page, "Sum of the input gate")).to_have_attribute(
        "aria-current", "page"
    )
    expect(page.locator("#zoom .product rect")).to_have_count(10)  # 5 of x, 5 of h
    for level in ("Unit 2", "Layer", "Sentence"):
        level_button(page, level).click()
        expect(current_word(page)).to_have_text("france")
        expect(page.locator("#unit-choice")).to_have_value("2")


def test_a_part_of_the_drawing_opens_its_numbers(visit):
    page = visit()
    page.locator("#unit-choice").select_option("1")
    page.get_by_role("button", name="Forget gate applied: ").focus()
    f, c_prev, kept = (value_of(page, wire) for wire in ("f", "c_prev", "kept"))
    formula = page.locator("#formula").inner_text().replace("\N{MINUS SIGN}", "-")
    numbers = [float(each) for each in re.findall(r"-?\d\.\d\d", formula)]
    assert numbers == [f, c_prev, kept]
    assert formula.endswith(f" = {kept:.2f}.")
    page.keyboard.press("Enter")
    expect(level_button(page, "Unit 1")).to_have_attribute("aria-current", "page")
    page.locator("#part-o").click()
    expect(level_button(page, "Sum of the output gate")).to_have_attribute(
        "aria-current", "page"
    )


def test_a_field_of_the_layer_opens_its_unit(visit):
    page = visit()
    level_button(page, "Layer").click()
    page.locator("#zoom canvas").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    shown = page.locator("#zoom .value").inner_text()
    unit = re.search(r"unit (\d)", shown)[1]
    assert shown.startswith("“(start)”")
    page.keyboard.press("Enter")
    expect(level_button(page, f"Unit {unit}")).to_have_attribute("aria-current", "page")
    expect(level_button(page, f"Unit {unit}")).to_be_focused()
    expect(current_word(page)).to_have_text("(start)")


def test_ones_own_sentence_is_read_while_one_types(visit):
    page = visit()
    page.get_by_label("Your sentence").fill("I like <b>Zanzibar</b>")
    words = page.locator("#tokens button")
    expect(words).to_have_count(11)
    assert words.all_inner_texts()[:3] == ["(start)", "i", "like"]
    expect(words.nth(5)).to_contain_text("(a rare word)")
    expect(page.locator("#tokens b")).to_have_count(0)
    page.get_by_label("Your sentence").fill("the constructor __proto__")
    expect(words.nth(2)).to_have_text("constructor (a rare word)")
    page.get_by_label("Your sentence").fill("")
    expect(words).to_have_text(["(start)"])


def test_the_sentiment_model_answers_with_its_labels(visit):
    page = visit()
    page.get_by_label("Model").select_option("sentiment")
    expect(page.locator("#answer .name")).to_have_count(3)
    assert sorted(page.locator("#answer .name").all_inner_texts()) == LABELS
    layers = page.locator("#layer option")
    expect(layers).to_have_count(4)
    page.locator("#layer").select_option("backward_lstm_2")
    word_button(page, "france").click()
    h = value_of(page, "h")
    word_button(page, "like").click()
    assert value_of(page, "h_prev") == h  # it reads from the end


def test_the_tour_goes_through_six_stations(visit):
    page = visit(reduced_motion="reduce")
    card = page.locator("#card")
    for number in range(1, 7):
        button = page.locator("#stations button").nth(number - 1)
        if number == 1:
            button.click()
        else:
            card.get_by_role("button", name="Next: ").click()
        expect(button).to_have_attribute("aria-current", "step")
        expect(card.locator("h3")).to_be_focused()
        card.locator("summary").click()
        text = card.inner_text()
        assert text.startswith(f"{number}. ")
        assert not re.search("NaN|undefined|null", text)
    expect(page.get_by_label("Model")).to_have_value("sentiment")
    assert current_word(page).inner_text().startswith("not")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(page.locator("#stations button").nth(5)).to_be_focused()


def test_the_station_about_faults_leaves_france_out(visit):
    page = visit()
    page.get_by_role("button", name="5. Where it goes wrong").click()
    watched = page.locator(".watch .state").inner_text()
    now, untouched = re.findall(r"\S+\s%", watched)
    text = page.locator("#card").inner_text()
    assert f"gives it {untouched}. Without “france”" in text
    assert f"it gives {now}." in text
    expect(word_button(page, "france")).to_have_class(re.compile(r"\bout\b"))


def test_the_share_of_a_watched_word_is_shown(visit):
    page = visit()
    shown = page.locator(".watch .state")
    first = page.locator("#answer .bar").first
    page.get_by_label("Watch the word").fill(first.locator(".name").inner_text())
    expect(shown).to_have_text(first.locator(".number").inner_text())
    page.get_by_label("Watch the word").fill("zanzibar")
    expect(shown).to_have_text("The network does not know this word.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("level", ["Sentence", "Layer", "Unit", "Sum", "Compare"])
def test_the_page_fits_a_phone_and_can_be_read(level, scheme, visit):
    page = visit(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    word_button(page, "france").click()
    page.get_by_role("button", name="Leave “france” out").click()
    word_button(page, "live").click()
    if level == "Compare":
        page.locator("#comparison summary").click()
        expect(page.locator("#comparison svg").first).to_be_visible()
    else:
        level_button(page, level).click()
    assert page.evaluate(FAINT) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
