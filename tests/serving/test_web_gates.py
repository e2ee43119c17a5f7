"""The gates below each tab: the map of a layer, its values, and the table."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from lstm_layer.gates import NAMES, Gates, contributions
from tests.serving.web_browser import (
    ANSWERS,
    field_colours,
    needs_browser,
    press,
    problem,
    run,
)


@needs_browser
@pytest.mark.slow
def test_a_field_of_the_gates_tells_its_value(visit, serving):
    page = visit("sentiment")
    page.get_by_label("A text, such as").fill("one two three")
    tab = press(page, "sentiment")
    answer = serving.gates("sentiment", {"text": ["one two three"]})
    f = np.array(answer["lstm_1_f"][0])
    order = np.argsort(-f.mean(axis=0), kind="stable")
    value = tab.locator(".gates .value")
    canvas = tab.locator(".gates canvas")
    expect(value).to_have_text(
        f"“one” (1 of 3), unit {order[0]}: forget gate f {f[0, order[0]]:.2f}; "
        f"mean of all units {f[0].mean():.2f}"
    )
    canvas.hover(position={"x": 64 + 48 + 20, "y": 64 + 18 + 9})
    expect(value).to_contain_text(
        f"“two” (2 of 3), unit {order[1]}: forget gate f {f[1, order[1]]:.2f}"
    )
    canvas.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", "PageDown", "ArrowLeft"):
        page.keyboard.press(key)
    expect(value).to_contain_text(f"“two” (2 of 3), unit {order[4]}")
    page.keyboard.press("Home")
    page.keyboard.press("PageUp")
    expect(value).to_contain_text(f"“one” (1 of 3), unit {order[0]}")


@needs_browser
@pytest.mark.slow
def test_layer_and_gate_can_be_chosen_and_are_told_in_words(visit, serving):
    page = visit("sentiment")
    page.get_by_label("A text, such as").fill("one two three")
    tab = press(page, "sentiment")
    canvas = tab.locator(".gates canvas")
    before = canvas.evaluate("c => c.toDataURL()")
    tab.get_by_role("combobox", name="Layer").select_option("lstm_2")
    tab.get_by_role("combobox", name="Shown").select_option("cell state C")
    expect(canvas).to_have_attribute(
        "aria-label",
        re.compile(
            "cell state C of layer lstm_2 over 3 timesteps and 5 units. Mean over the "
            "units by timestep: highest at “"
        ),
    )
    assert canvas.evaluate("c => c.toDataURL()") != before
    tab.get_by_text("The means of the gates as a table").click()
    f = np.array(serving.gates("sentiment", {"text": ["one two three"]})["lstm_2_f"][0])
    row = tab.locator(".gates tbody tr").nth(1).inner_text().split("\t")
    assert row[:2] == ["two", f"{f[1].mean():.2f}"]


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fields_above_0_are_red_and_those_below_blue(scheme, visit, serving):
    page = visit("sentiment", color_scheme=scheme)
    page.get_by_label("A text, such as").fill("one two three")
    tab = press(page, "sentiment")
    tab.get_by_role("combobox", name="Shown").select_option("cell state C")
    expect(tab.locator(".gates .caption")).to_contain_text("red above 0, blue below")
    answer = serving.gates("sentiment", {"text": ["one two three"]})
    f, c = (np.array(answer[f"lstm_1_{name}"][0]).T for name in ("f", "c"))
    c = c[np.argsort(-f.mean(axis=1), kind="stable")]
    red, _, blue = np.moveaxis(field_colours(tab, *c.shape), -1, 0)
    far = np.abs(c) > 0.1
    assert far.sum() > 10
    np.testing.assert_array_equal((red > blue)[far], (c > 0)[far])


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_still_held_is_what_the_layer_s_memory_says(backwards, visit):
    rng = np.random.default_rng(5)
    gates = {name: rng.uniform(0, 1, (6, 4)) for name in NAMES}
    c = np.zeros(4)
    for t in range(6)[:: -1 if backwards else 1]:
        c = gates["f"][t] * c + gates["i"][t] * gates["c_tilde"][t]
        gates["c"][t] = c
    layer = "backward_lstm" if backwards else "forward_lstm"
    outputs = {f"{layer}_{name}": [value.tolist()] for name, value in gates.items()}
    outputs[f"{layer}_tokens"] = [list("abcdef")]
    shown = run(
        visit(),
        """async (load, outputs) => {
        const { tracesOf } = await load("traces.js");
        const map = tracesOf(outputs)[0].map("held");
        return [...Array(6).keys()].map((row) =>
          [...Array(6).keys()].map((column) => map.value(row, column))); }""",
        outputs,
    )
    gates = Gates(*(gates[name][None] for name in NAMES), backwards=backwards)
    expected = contributions(gates)
    sizes = np.abs(expected).sum(axis=-1)
    np.testing.assert_allclose(
        shown, sizes / sizes.sum(axis=1, keepdims=True), atol=1e-6
    )


@needs_browser
@pytest.mark.slow
def test_a_value_that_is_no_number_is_shown_as_none(visit, serving):
    """TensorFlow Serving writes a bare NaN, which is not valid JSON."""
    serving.nan = True
    page = visit("sentiment")
    tab = press(page, "sentiment")
    expect(tab.locator(".problem")).to_have_count(0)
    tab.locator(".gates canvas").focus()
    values = []
    for _ in range(5):
        values.append(tab.locator(".gates .value").inner_text())
        page.keyboard.press("ArrowDown")
    assert sum("is not a number" in value for value in values) == 1


@needs_browser
@pytest.mark.slow
def test_gates_that_cannot_be_had_leave_the_answer(visit, serving):
    del serving.signatures["sentiment"]["gates"]
    page = visit("sentiment", fails=True)
    tab = press(page, "sentiment")
    expect(tab.locator(".answer")).to_have_text(ANSWERS["sentiment"])
    assert "exported by an earlier version" in problem(page, "sentiment")
