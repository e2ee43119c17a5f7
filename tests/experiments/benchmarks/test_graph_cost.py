"""The cost of graphs: nodes are counted, rows become a table; nothing is timed."""

import json
from subprocess import CompletedProcess

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from experiments.benchmarks import fresh_process, graph_cost
from experiments.benchmarks import layer as benchmark
from experiments.benchmarks.contenders import CAROUSEL, KERAS
from experiments.benchmarks.graph_cost import (
    MEASUREMENTS,
    _in_fresh_process,
    main,
    measure,
    recorded_table,
    table,
)
from experiments.benchmarks.graph_cost_process import (
    CALLS,
    _one_of_each_shape,
    _timed,
    count_nodes,
)

ROWS = {
    "nodes of an export": {
        "ours": 11845,
        "keras": None,
        "unit": "nodes",
        "parts": {"on 1 core": 4861, "on 2 cores": 11845},
    },
    "first steps of a model": {
        "ours": 2.5,
        "keras": 1.25,
        "unit": "s",
        "parts": {"training": 2.0, "validation": 0.5},
    },
    "a new length": {"ours": 0.1, "keras": -0.001, "unit": "s"},
}
RESULT = {"rows": ROWS, "hardware": "2 cores of a test", "date": "2026-01-01"}


def test_nodes_of_the_graph_and_of_all_functions_are_counted(tmp_path):
    content = saved_model_pb2.SavedModel()
    graph = content.meta_graphs.add().graph_def
    for number in range(3):
        graph.node.add(name=f"node_{number}")
    for size in (2, 5):
        function = graph.library.function.add()
        for number in range(size):
            function.node_def.add(name=f"node_{number}")
    (tmp_path / "saved_model.pb").write_bytes(content.SerializeToString())
    assert count_nodes(tmp_path) == 3 + 2 + 5


def test_the_table_has_a_row_for_each_measurement():
    lines = table(RESULT).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[:5]]
    assert cells[2:] == [
        ["nodes of an export", "11,845", "", "on 1 core 4,861; on 2 cores 11,845"],
        [
            "first steps of a model",
            "2.50 s",
            "1.25 s",
            "training 2.00 s; validation 0.50 s",
        ],
        ["a new length", "0.10 s", "0.00 s", ""],
    ]
    assert lines[-1] == "Measured on 2 cores of a test, 2026-01-01."


def test_nothing_recorded_is_no_table(tmp_path):
    path = tmp_path / "benchmark.json"
    path.write_text(json.dumps({"layers": {}}))
    assert recorded_table(path) is None
    path.write_text(json.dumps({"layers": {}, "graphs": RESULT}))
    assert recorded_table(path) == table(RESULT)


def test_one_batch_of_each_shape_is_kept_in_their_order():
    batches = [{"x": tf.zeros([2, n]), "y": tf.fill([2], n)} for n in (3, 5, 3, 4)]
    spec = {"x": tf.TensorSpec([2, None]), "y": tf.TensorSpec([2], "int32")}
    dataset = tf.data.Dataset.from_generator(lambda: batches, output_signature=spec)
    kept = _one_of_each_shape(dataset)
    assert [batch["x"].shape[1] for batch in kept] == [3, 5, 4]


def test_every_shape_is_called_before_one_is_called_again():
    read = []

    def step(iterator):
        read.append(next(iterator).shape[0])
        return {"loss": tf.constant(0.0)}

    first, later = _timed(
        step, [tf.zeros([3]), tf.zeros([5])], tf.TensorSpec([None]), CALLS
    )
    assert read == [3, 5] * CALLS
    assert len(first) == len(later) == 2


@pytest.fixture
def costs(monkeypatch):
    """Returns figures instead of starting processes; notes their requests."""
    requests = []

    def figures(function, **arguments):
        requests.append((function.__name__, arguments))
        if function.__name__ == "new_length":
            return {CAROUSEL: 0.2, KERAS: 0.1}[arguments["library"]]
        seconds = {CAROUSEL: [2.0, 0.5], KERAS: [1.0, 0.25]}[arguments["library"]]
        parts = dict(zip(("training", "validation"), seconds, strict=True))
        (run := graph_cost.Path(arguments["directory"])).mkdir()
        (run / "model.keras").touch()
        return {"seconds": parts, "by_shape": {}, "later_ms": {}}

    monkeypatch.setattr(graph_cost, "_in_fresh_process", figures)
    return requests


def test_first_steps_are_the_sum_of_training_and_validation(costs, tmp_path, capsys):
    rows = measure(["sentiment", "summarization", "length"], tmp_path)["rows"]
    row = rows["first steps of sentiment"]
    assert (row["ours"], row["keras"]) == (2.5, 1.25)
    assert row["parts"] == {"training": 2.0, "validation": 0.5}
    assert rows["first steps of summarization"]["keras"] == 1.25
    length = rows["a new length in training"]
    assert (length["ours"], length["keras"]) == (0.2, 0.1)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert "2.50 s" in printed[0]
    assert (tmp_path / "sentiment" / "model.keras").exists()
    assert len([name for name, _ in costs if name == "first_steps"]) == 4


def test_a_measurement_that_fails_says_why(monkeypatch):
    failed = CompletedProcess([], 1, "", "Traceback\nValueError: It is too late.\n")
    monkeypatch.setattr(fresh_process.subprocess, "run", lambda *_, **options: failed)
    with pytest.raises(ValueError, match=r"new_length.*ValueError: It is too late\."):
        _in_fresh_process(graph_cost.new_length, library=CAROUSEL)


def test_what_the_process_prints_last_is_what_was_measured(monkeypatch):
    ended = CompletedProcess([], 0, "Training 12 parameters.\n0.25\n", "")
    monkeypatch.setattr(fresh_process.subprocess, "run", lambda *_, **options: ended)
    assert _in_fresh_process(graph_cost.new_length, library=CAROUSEL) == 0.25


def test_an_unknown_measurement_is_refused_in_one_line(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["gardening"])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert "'gardening' is no measurement" in error
    assert all(name in error for name in MEASUREMENTS)


def test_graphs_alone_leave_the_speed_that_was_recorded(monkeypatch, tmp_path):
    path = tmp_path / "benchmark.json"
    path.write_text(json.dumps({"date": "2025-01-01", "layers": {"forward": {}}}))
    monkeypatch.setattr(benchmark, "RESULT", path)
    monkeypatch.setattr(benchmark, "run", None)
    monkeypatch.setattr(graph_cost, "measure", lambda: RESULT)
    benchmark.main(["--record", "--only", "graphs"])
    expected = {"date": "2025-01-01", "layers": {"forward": {}}, "graphs": RESULT}
    assert json.loads(path.read_text()) == expected


def test_the_speed_alone_leaves_the_graphs_that_were_recorded(monkeypatch, tmp_path):
    path = tmp_path / "benchmark.json"
    path.write_text(json.dumps({"layers": {"forward": {}}, "graphs": RESULT}))
    monkeypatch.setattr(benchmark, "RESULT", path)
    monkeypatch.setattr(benchmark, "run", lambda *_, memory: {"layers": {}})
    monkeypatch.setattr(benchmark, "plot", lambda result, path: None)
    monkeypatch.setattr(graph_cost, "measure", None)
    benchmark.main(["--record", "--only", "speed"])
    assert json.loads(path.read_text()) == {"layers": {}, "graphs": RESULT}
