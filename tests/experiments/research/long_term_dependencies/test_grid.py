"""The grid of networks and gaps: equal sizes, correct gradients, resumed cells."""

import json
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiments.research.long_term_dependencies import grid as grid_module
from experiments.research.long_term_dependencies import report as memory_report
from experiments.research.long_term_dependencies.grid import (
    Cell,
    Settings,
    grid,
    main,
    run_cell,
)
from experiments.research.long_term_dependencies.models import (
    UNITS,
    build_model,
    gradient_norms,
)
from experiments.research.long_term_dependencies.report import report, summary, table
from experiments.research.long_term_dependencies.tasks import KINDS, TASKS

SHORT = Settings(batches=3, batch_size=4)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(grid_module, "MEASURED", 8)
    monkeypatch.setattr(grid_module, "BATCHES_BETWEEN", 1)
    monkeypatch.setattr(grid_module, "GRADIENT_SEQUENCES", 2)


@pytest.fixture
def not_trained(monkeypatch):
    """Cells get made-up results instead of a training."""
    monkeypatch.setattr(grid_module, "_trained", made_up)


def made_up(cell, settings):
    """Returns a result like that of a trained cell."""
    seen = settings.batches * settings.batch_size
    curve = [{"sequences": n, "loss": 1 / n, "score": 0.5} for n in (4, seen)]
    norms = {"h": [0.25] * cell.gap, "c": [0.5] * cell.gap}
    return {
        **asdict(cell),
        **{"settings": asdict(settings), "parameters": 99, "units": 64},
        **{"score": 0.5, "solved": False, "seconds": 1.0, "curve": curve},
        "gradients": {"before": norms, "after": norms},
    }


def test_no_network_is_larger_than_the_simple_one():
    task = TASKS["agreement"]
    counts = {kind: build_model(kind, task, 20).count_params() for kind in KINDS}
    assert max(counts.values()) == counts["rnn"]
    assert min(counts.values()) > 0.9 * counts["rnn"]
    assert build_model("rnn", task, 20).get_layer("recurrent").units == UNITS <= 64


def test_the_whole_grid_is_what_the_issue_of_memory_asks():
    cells = grid(quick=False)
    assert len(set(cells)) == len(cells) == 3 * 3 * 3 * 4 + 3 * 3 * 4 + 4
    assert len(grid(quick=True)) == 8


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_norms_are_those_of_finite_differences(kind):
    task = TASKS["agreement"]
    keras.utils.set_random_seed(4)
    model = build_model(kind, task, 5)
    x, y = task.make(np.random.default_rng(1), 1, 5)
    norms = gradient_norms(model, x, y)["h"]
    cell, answer = (model.get_layer(name) for name in ("recurrent", "answer"))
    cell, e = cell.cell, model.get_layer("words")(x)

    states = cell.get_initial_state(batch_size=1)
    states = list(states) if isinstance(states, (list, tuple)) else [states]
    for t in range(4):
        _, states = cell(e[:, t], states)
    units = states[0].shape[-1]  # one row per unit and direction
    steps = 1e-2 * np.concatenate([np.eye(units), -np.eye(units)])
    states = [tf.repeat(state, 2 * units, axis=0) for state in states]
    states[0] += steps.astype("float32")
    for t in range(4, x.shape[1]):
        _, states = cell(tf.repeat(e[:, t], 2 * units, axis=0), states)
    losses = -tf.nn.log_softmax(answer(states[0])).numpy()[:, int(y[0])]
    gradient = (losses[:units] - losses[units:]) / 2e-2
    assert len(norms) == x.shape[1]
    np.testing.assert_allclose(norms[3], np.linalg.norm(gradient), rtol=0.02)


def test_a_cell_is_trained_once_and_other_settings_are_refused(tmp_path):
    cell = Cell("agreement", 4, "lstm", 1)
    line = run_cell(cell, SHORT, tmp_path)
    assert "agreement, gap 4, lstm, seed 1: not solved" in line
    path = tmp_path / cell.path
    written = path.read_bytes()
    result = json.loads(written)
    assert [p["sequences"] for p in result["curve"]] == [4, 8, 12]
    assert len(result["gradients"]["after"]["c"]) == 8
    assert result.keys() == made_up(cell, SHORT).keys()
    assert run_cell(cell, SHORT, tmp_path) == line
    assert path.read_bytes() == written
    with pytest.raises(ValueError, match="other settings"):
        run_cell(cell, Settings(batches=4, batch_size=4), tmp_path)


def test_each_batch_is_another_and_every_network_sees_the_same(tmp_path, monkeypatch):
    task, seen = TASKS["adding"], {"rnn": [], "lstm": []}
    layers = keras.layers.Flatten(), keras.layers.Dense(1, name="recurrent")

    def make(rng, count, gap):
        x, y = task.make(rng, count, gap)
        if count == SHORT.batch_size:
            seen[kind].append(x[..., 0].ravel().tolist())
        return x, y

    monkeypatch.setitem(TASKS, "adding", replace(task, make=make))
    monkeypatch.setattr(
        "experiments.research.long_term_dependencies.models.build_model",
        lambda *_: keras.Sequential([keras.Input((6, 2)), *layers]),
    )
    for kind in seen:
        run_cell(Cell("adding", 6, kind, 1), SHORT, tmp_path)
    first, second, third = seen["rnn"]
    assert first != second != third != first
    assert seen["lstm"] == seen["rnn"]


def test_what_is_solved_stops_early(tmp_path, monkeypatch):
    monkeypatch.setattr(type(TASKS["adding"]), "is_solved", lambda task, score: True)
    run_cell(Cell("adding", 6, "rnn", 1), SHORT, tmp_path)
    result = json.loads((tmp_path / "cells/adding-6-rnn-seed-1.json").read_text())
    assert result["solved"]
    assert len(result["curve"]) == 1


def test_the_table_shows_what_fails_as_failing():
    def result(kind, score, solved, seed):
        curve = [{"sequences": 64, "loss": 1.0, "score": score}]
        return {
            **{"task": "agreement", "gap": 20, "kind": kind, "seed": seed},
            **{"units": 4, "parameters": 9, "score": score, "solved": solved},
            **{"seconds": 1.0, "curve": curve},
        }

    results = [
        *(result("rnn", 0.125, False, seed) for seed in (1, 2)),
        *(result("lstm", 1.0, True, seed) for seed in (1, 2)),
    ]
    text = table(summary(results))
    assert "0.125 (0/2)" in text
    assert "**0.125" not in text
    assert "**1.000 (2/2)**" in text
    assert KINDS["gru"] not in text


@pytest.mark.usefixtures("not_trained")
def test_the_report_draws_the_cells_of_a_grid(tmp_path):
    cells = [
        Cell("agreement", gap, kind, 1) for gap in (4, 5) for kind in ("rnn", "lstm")
    ]
    for cell in cells:
        run_cell(cell, SHORT, tmp_path)
    assert report(cells, tmp_path).startswith("| task | gap |")
    for name in ("success.png", "gradients.png", "curves.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert len(json.loads((tmp_path / "results.json").read_text())) == 4


@pytest.mark.usefixtures("not_trained")
def test_a_recorded_grid_says_how_it_was_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_report, "RESULTS", tmp_path)
    monkeypatch.setattr(memory_report, "RESULT", tmp_path / "recorded.json")
    cells = [Cell(task, gap, "rnn", 1) for task in TASKS for gap in (4, 6)]
    for cell in cells:
        run_cell(cell, SHORT, tmp_path)
    report(cells, tmp_path)
    memory_report.record(cells, tmp_path)
    text = memory_report.recorded_table()
    assert text.count("| adding |") == 2
    assert "Units: simple RNN 64." in text
    assert "At most 12 training sequences each" in text
    assert (tmp_path / "long_term_dependencies_success.png").exists()


def test_a_part_of_the_grid_is_not_recorded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(grid_module, "run_grid", lambda *_: None)
    monkeypatch.setattr(
        "experiments.research.long_term_dependencies.report.report", lambda *_: "table"
    )
    with pytest.raises(SystemExit) as stopped:
        main(["--quick", "--record", "--directory", str(tmp_path)])
    assert stopped.value.code == 2
    assert "leave --quick away" in capsys.readouterr().err
