"""The benchmark's arithmetic, its table, and that its contenders do the same work."""

import json

import numpy as np
import pytest

from experiments.benchmarks.contenders import (
    CAROUSEL,
    KERAS,
    MATMUL_SIZE,
    XLA,
    Shape,
    layer_contenders,
)
from experiments.benchmarks.layer import main, plot, recorded_table
from experiments.benchmarks.timing import MATMUL, interleaved, summary

SMALL = Shape(batch=3, timesteps=4, features=2, units=5)
FIRST = {CAROUSEL: 1.0, KERAS: 2.0, MATMUL: 0.5}


def test_a_shape_is_read_as_it_is_written():
    assert str(SMALL) == "3x4x2x5"
    assert Shape.parse("3x4x2x5") == SMALL


@pytest.mark.parametrize("text", ["3x4x2", "3x4x2x0", "3x4x2x-5", "3,4,2,5", ""])
def test_a_wrong_shape_is_refused(text):
    with pytest.raises(ValueError, match=f"BATCHxTIMESTEPS.*Received: {text}\\."):
        Shape.parse(text)


def test_the_command_line_refuses_a_wrong_shape_in_one_line(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--shapes", "3x4"])
    assert exit_.value.code == 2
    assert "Received: 3x4." in capsys.readouterr().err


def test_operations_are_those_of_the_two_products():
    # (12, 2) by (2, 20) and (12, 5) by (5, 20), a multiplication and an addition each
    assert SMALL.flops == 2 * (12 * 2 * 20 + 12 * 5 * 20)


def test_a_ratio_is_the_median_over_rounds_and_compares_within_a_round():
    times = {CAROUSEL: np.array([1.0, 2.0, 10.0]), KERAS: np.array([3.0, 4.0, 10.0])}
    rows = summary(times, FIRST)
    assert rows[KERAS]["ratio"] == 2.0
    assert rows[CAROUSEL]["ratio"] == 1.0
    assert rows[KERAS]["milliseconds"] == [3.5, 4.0, 7.0]


def test_ours_is_the_faster_of_its_two_modes():
    times = {CAROUSEL: np.full(3, 4.0), CAROUSEL + XLA: np.full(3, 2.0)}
    rows = summary(times, {name: 1.0 for name in times})
    assert rows[CAROUSEL]["ratio"] == 2.0


def test_the_share_of_the_limit_compares_operations_in_the_same_time():
    times = {CAROUSEL: np.full(3, 2.0), MATMUL: np.full(3, 8.0)}
    rows = summary(times, FIRST, flops=MATMUL_SIZE**3 / 4)
    # an eighth of the operations in a quarter of the time
    assert rows[CAROUSEL]["share_of_matmul"] == 0.5
    assert "share_of_matmul" not in rows[MATMUL]


def test_functions_take_turns():
    order = []
    functions = {name: lambda name=name: order.append(name) for name in "ab"}
    times, first = interleaved(functions, rounds=3, seconds=0)
    assert set(first) == {"a", "b"}
    assert [len(times[name]) for name in "ab"] == [3, 3]
    assert "".join(order[-12:]) == "aabb" * 3


def test_both_libraries_give_gradients_of_the_same_shapes():
    _, both = layer_contenders(SMALL, names=(CAROUSEL, KERAS))
    shapes = [[g.shape for g in both[name]()] for name in (CAROUSEL, KERAS)]
    assert shapes[0] == shapes[1] == [(3, 4, 2), (2, 20), (5, 20), (20,)]


def test_a_picture_is_drawn(tmp_path):
    row = {CAROUSEL: {"ratio": 1.0}, KERAS: {"ratio": 2.0}, MATMUL: {"ratio": 3.0}}
    layers = {"forward": {"1x1x1x1": row}, "forward + backward": {"1x1x1x1": row}}
    plot({"layers": layers}, tmp_path / "benchmark.png")
    assert (tmp_path / "benchmark.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_of_the_benchmark_counts_the_faster_mode(tmp_path):
    def row(milliseconds, ratio):
        quartiles = [0.9 * milliseconds, milliseconds, 1.1 * milliseconds]
        return {"milliseconds": quartiles, "ratio": ratio, "share_of_matmul": 0.25}

    rows = {
        "lstm_layer": row(3.0, 1.5),
        "lstm_layer + XLA": row(2.0, 1.0),
        "keras": row(5.0, 2.5),
        "keras + XLA": row(4.0, 2.1),
        "torch": row(1.0, 0.5),
    }
    result = {
        "hardware": "2 cores of a test",
        "date": "2026-01-01",
        "layers": {"forward": {"1x2x3x4": rows}},
        "fit": {"sentiment": {n: {**rows[n]} for n in ("lstm_layer", "keras")}},
        "peak_megabytes": {"1x2x3x4": {"lstm_layer": 10, "keras": 20}},
    }
    path = tmp_path / "benchmark.json"
    path.write_text(json.dumps(result))
    lines = recorded_table(path).splitlines()
    cells = [cell.strip() for cell in lines[2].split("|")[1:-1]]
    assert cells == ["1x2x3x4", "forward", "2", "2.10", "0.50", "0.25"]
    cells = [cell.strip() for cell in lines[3].split("|")[1:-1]]
    assert cells == ["the model of sentiment", "training step", "3", "2.50", "", "0.25"]
    assert "1x2x3x4: 10 MB, Keras 20 MB" in lines[-1]
