"""The account of what the processor does in a training step."""

import pytest
import tensorflow as tf

from experiments.benchmarks.operations import (
    KINDS,
    kind_of,
    main,
    own_times,
    profiled,
    table,
)


def test_an_event_counts_without_those_that_it_called_and_they_have_its_program():
    events = [
        (0, 10, "", "run"),
        (2, 6, "loop", "execute"),
        (3, 2, "", "dot"),
        (5, 3, "", "tanh"),  # begins as dot ends: beside it
        (12, 4, "", "last"),
    ]
    assert sorted(own_times(reversed(events))) == [
        ("", "last", 4),
        ("", "run", 4),
        ("loop", "dot", 2),
        ("loop", "execute", 1),
        ("loop", "tanh", 3),
    ]


@pytest.mark.parametrize(
    ("program", "name", "kind"),
    [
        ("a_inference__backward_loop_965__.9", "MatMul.8", "LSTM: loops"),
        ("a_inference_function_745__.6", "add_tanh_fusion", "LSTM: loops"),
        ("a_inference__compiled_update_17__.1", "multiply_add", "optimizer"),
        ("a_forward_cross_entropy_1951__.4", "reduce", "other operations"),
        ("", "PartitionedCall_1/MatMul_2:_MklMatMul", "LSTM: products"),
        ("", "model/lstm_1/PartitionedCall/MatMul:MatMul", "LSTM: products"),
        ("", "gradient_tape/model/logits/MatMul:_MklMatMul", "other products"),
        ("", "model/decoder/while/einsum/Einsum:_MklEinsum", "other products"),
        ("", "PartitionedCall/Sum:Sum", "other operations"),
        ("", "ThunkExecutor::Execute", "LSTM: starting"),
        ("", "FunctionRun", "TensorFlow"),
        ("", "KernelAndDeviceFunc::Run", None),
    ],
)
def test_each_event_has_its_kind(program, name, kind):
    assert kind_of(program, name) == kind


def test_a_matrix_product_is_the_time_of_a_step_that_has_little_else():
    a = tf.random.normal((300, 300))
    product = tf.function(lambda: tf.matmul(a, a))
    product()
    times = profiled(product)
    assert list(times) == list(KINDS)
    assert times["other products"] > times["other operations"]
    assert times["LSTM: loops"] == times["LSTM: products"] == times["optimizer"] == 0


def test_the_table_says_what_the_ratio_would_be_if_the_lstm_took_no_time():
    shares = dict.fromkeys(KINDS, 0.0) | {
        "LSTM: loops": 0.3,
        "LSTM: starting": 0.05,
        "LSTM: products": 0.15,
        "optimizer": 0.5,
    }
    row = {"wall_ms": 12.3, "processor_ms": 18.45, "ratio": 1.25, "shares": shares}
    text = table({"rows": {"sentiment": row}, "hardware": "2 cores of X"})
    cells = "12.3 | 1.50 | 30 % | 5 % | 15 % | 0 % | 50 % | 0 % | 0 % | 1.25 | 2.5"
    assert f"| sentiment | {cells} |" in text
    assert text.endswith("Measured on 2 cores of X.")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--rounds", "0"], "--rounds: expected at least 1. Received: 0."),
        (
            ["--only", "sentiment", "--record"],
            "--record: the table has all models. Leave out --only.",
        ),
    ],
)
def test_what_cannot_be_measured_or_recorded_is_refused(arguments, error, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert f"Error: {error}" in capsys.readouterr().err
