"""What a reader changes in the network changes that, and nothing else."""

import numpy as np
import pytest

from apps.language_modeling.export import cell_data as language_model
from apps.sentiment.export import cell_data as sentiment_model
from tests.experiments.explainer.chromium import evaluate
from tests.experiments.explainer.tiny import language_model_run, sentiment_run
from tests.serving.web_browser import needs_browser

TEXT = "i live in france , i speak"
WIPED = [{"kind": "wipe", "layer": "lstm_1", "t": 3}]
READ = """({ LanguageModel, SentimentModel, Touch }, [app, data, text, changes]) => {
    const model = new { LanguageModel, SentimentModel }[app](data);
    return model.read(model.tokens(text), new Touch(changes)); }"""
NAMES = {"models.js": ["LanguageModel", "SentimentModel"], "touch.js": ["Touch"]}


@pytest.fixture(scope="module")
def data():
    return language_model(language_model_run())


def _read(browser, data, changes, text=TEXT, app="LanguageModel"):
    return evaluate(browser, NAMES, READ, [app, data, text, changes])


def _values(read, name, layer="lstm_1"):
    return np.array([step[name] for step in read["layers"][layer] if step])


@needs_browser
@pytest.mark.parametrize("gate", ["f", "i", "o"])
@pytest.mark.parametrize("open_", [True, False], ids=["open", "shut"])
def test_a_gate_is_held_for_one_unit_at_one_word(gate, open_, browser, data):
    change = {"kind": "gate", "gate": gate, "open": open_, "layer": "lstm_1"}
    untouched = _read(browser, data, [])
    touched = _read(browser, data, [{**change, "units": [2], "from": 3, "to": 3}])
    for name in ("f", "i", "c_tilde", "o"):
        expected = _values(untouched, name)[:4]
        if name == gate:
            assert expected[3, 2] not in (0, 1)
            expected[3, 2] = open_
        np.testing.assert_array_equal(_values(touched, name)[:4], expected)
    assert touched["answer"] != untouched["answer"]


@needs_browser
def test_a_gate_is_held_for_all_units_at_all_words(browser, data):
    change = {"kind": "gate", "gate": "f", "open": False, "layer": "lstm_1"}
    touched = _read(browser, data, [{**change, "units": None, "from": 0, "to": 7}])
    np.testing.assert_array_equal(_values(touched, "kept"), 0)
    np.testing.assert_array_equal(_values(touched, "c"), _values(touched, "written"))


@needs_browser
def test_a_gate_is_held_for_some_units_at_some_words(browser, data):
    change = {"kind": "gate", "gate": "o", "open": True, "layer": "lstm_1"}
    touched = _read(browser, data, [{**change, "units": [0, 3], "from": 2, "to": 4}])
    held = np.zeros((8, 5), bool)
    held[2:5, [0, 3]] = True
    np.testing.assert_array_equal(_values(touched, "o") == 1, held)


@needs_browser
def test_a_wiped_cell_state_is_zero_before_the_word_and_the_output_is_not(
    browser, data
):
    untouched, touched = _read(browser, data, []), _read(browser, data, WIPED)
    c_prev = _values(untouched, "c_prev")
    assert c_prev[3].all()
    c_prev[3] = 0
    np.testing.assert_array_equal(_values(touched, "c_prev")[:4], c_prev[:4])
    np.testing.assert_array_equal(
        _values(touched, "h_prev")[:4], _values(untouched, "h_prev")[:4]
    )


@needs_browser
def test_nothing_of_before_is_held_where_the_cell_state_was_wiped(browser, data):
    held = """({ LanguageModel, Reading, Touch }, [data, text, changes]) => {
        const reading = new Reading(new LanguageModel(data), text, new Touch(changes));
        const { held, times, trace } = reading.trace("lstm_1");
        return { f: trace.means("f"), held: times.map((_, row) =>
          times.map((_, column) => held.value(row, column))) }; }"""
    names = {**NAMES, "reading.js": ["Reading"]}
    untouched, wiped = (
        evaluate(browser, names, held, [data, TEXT, changes]) for changes in ([], WIPED)
    )
    assert np.array(untouched["held"])[3:, :3].all()
    shares = np.array(wiped["held"])
    np.testing.assert_array_equal(shares[3:, :3], 0)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert wiped["f"][3] == untouched["f"][3] > 0  # the gate itself is what it was


@needs_browser
def test_a_word_that_is_left_out_was_never_there(browser, data):
    out = [{"kind": "out", "t": 4}]  # the start token is the timestep 0
    touched = _read(browser, data, out)
    shorter = _read(browser, data, [], TEXT.replace("france ", ""))
    assert touched["layers"]["lstm_1"][4] is None
    np.testing.assert_array_equal(_values(touched, "h"), _values(shorter, "h"))
    assert touched["answer"] == shorter["answer"]


@needs_browser
def test_a_word_is_left_out_of_both_directions(browser):
    data, app = sentiment_model(sentiment_run()), "SentimentModel"
    touched = _read(browser, data, [{"kind": "out", "t": 3}], app=app)
    shorter = _read(browser, data, [], TEXT.replace("france ", ""), app)
    for layer in shorter["layers"]:
        np.testing.assert_array_equal(
            *(_values(read, "h", layer) for read in (touched, shorter))
        )
    assert touched["answer"] == shorter["answer"]


@needs_browser
def test_a_change_of_one_layer_leaves_the_layer_beside_it_alone(browser):
    data, app = sentiment_model(sentiment_run()), "SentimentModel"
    changes = [{**WIPED[0], "layer": "backward_lstm_1"}]
    untouched, touched = (_read(browser, data, each, app=app) for each in ([], changes))
    same = {
        layer: np.array_equal(
            *(_values(read, "h", layer) for read in (untouched, touched))
        )
        for layer in untouched["layers"]
    }
    assert same == {
        "forward_lstm_1": True,
        "backward_lstm_1": False,
        "forward_lstm_2": False,
        "backward_lstm_2": False,
    }
