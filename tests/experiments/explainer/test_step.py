"""The page's cell computes what `lstm_layer` computes."""

import ast
import re

import keras
import numpy as np
import pytest

from apps.common.export.cell import cell_weights
from experiments.explainer.page import WEB
from lstm_layer import LSTM
from lstm_layer.gates import record_gates
from lstm_layer.step import lstm_step
from tests.experiments.explainer.chromium import evaluate
from tests.serving.web_browser import needs_browser

STEP = WEB.parents[2] / "lstm_layer" / "step.py"
INPUTS, UNITS = 1000, 3


def test_the_equations_have_the_names_and_the_order_of_the_python_file():
    step = next(
        node
        for node in ast.parse(STEP.read_text()).body
        if getattr(node, "name", "") == "lstm_step"
    )
    python = [
        target.id
        for line in step.body
        if isinstance(line, ast.Assign)
        for target in (
            line.targets[0].elts
            if isinstance(line.targets[0], ast.Tuple)
            else line.targets
        )
    ]
    script = (WEB / "step.js").read_text()
    body = script[script.index("export function lstm_step") :]
    names = re.findall(r"^  const (?:\[(.*)\]|(\w+)) = ", body, re.MULTILINE)
    assert ", ".join(several or one for several, one in names).split(", ") == python


def test_the_equations_take_about_sixty_lines():
    assert len((WEB / "step.js").read_text().splitlines()) <= 65


@needs_browser
def test_a_step_is_that_of_the_layer_on_a_thousand_random_inputs(browser):
    random = np.random.default_rng(3)
    z = random.normal(0, 3, (INPUTS, 4 * UNITS)).astype("float32")
    c_prev = random.normal(0, 2, (INPUTS, UNITS)).astype("float32")
    expected = lstm_step(keras.ops.array(z), keras.ops.array(c_prev))
    steps = evaluate(
        browser,
        {"step.js": ["lstm_step"]},
        """({ lstm_step }, [z, c_prev]) => z.map((each, n) => {
             const { f, i, c_tilde, c, o, h } = lstm_step(each, c_prev[n]);
             return [f, i, c_tilde, c, o, h]; })""",
        [z.tolist(), c_prev.tolist()],
    )
    expected = np.stack([keras.ops.convert_to_numpy(each) for each in expected], axis=1)
    np.testing.assert_allclose(steps, expected, rtol=0, atol=1e-5)


@needs_browser
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
def test_a_sequence_is_that_of_the_layer(backwards, browser):
    random = np.random.default_rng(4)
    layer = LSTM(5, return_sequences=True, go_backwards=backwards, name="lstm_1")
    x = random.normal(0, 1, (1, 40, 3)).astype("float32")
    layer.build(x.shape)
    layer.set_weights([random.normal(0, 1, w.shape) for w in layer.get_weights()])
    _, gates = record_gates(lambda: layer(x))
    names = ("f", "i", "c_tilde", "c", "o", "h")
    steps = evaluate(
        browser,
        {"models.js": ["cellOf"], "network.js": ["runLayer"]},
        """({ cellOf, runLayer }, [layer, x, names]) =>
             runLayer(cellOf(layer), x).map((step) =>
               names.map((name) => Array.from(step[name])))""",
        [cell_weights(layer), x[0].tolist(), names],
    )
    expected = np.stack([getattr(gates["lstm_1"], name)[0] for name in names], axis=1)
    np.testing.assert_allclose(steps, expected, rtol=0, atol=1e-5)
