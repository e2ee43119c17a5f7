"""The README's lines on speed, engines and serving come from recorded files."""

import json

import pytest

from experiments.front_page import figures


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """The lines of results that were made up."""

    def ratios(**by_name):
        return {name: {"ratio": ratio} for name, ratio in by_name.items()}

    def p99(joined, one_by_one):
        rows = {"joined": joined, "one by one": one_by_one}
        return {"32": {name: {"p99_ms": value} for name, value in rows.items()}}

    recorded = {
        "BENCHMARK": {
            "fit": {
                "a": ratios(
                    lstm_layer=1, torch=9.0, **{"keras": 1.5, "keras + XLA": 1.2}
                ),
                "b": ratios(
                    lstm_layer=1, torch=9.0, **{"keras": 1.7, "keras + XLA": 2.2}
                ),
            },
            "layers": {"forward": {"1x2": ratios(torch=0.5), "3x4": ratios(torch=0.9)}},
        },
        "RESULT": {
            "hardware": "2 cores",
            "server": {
                "onnx": {"installed_megabytes": 217},
                "tensorflow": {"installed_megabytes": 2932},
            },
            "http": {"sentiment": {"32": {"onnx": {"requests_per_second": 2296.5}}}},
        },
        "LOAD": {"load": {"x": p99(3, 2), "y": p99(2, 3), "z": p99(2, 2)}},
    }
    for name, result in recorded.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(result))
        monkeypatch.setattr(figures, name, path)
    return figures.recorded_table().splitlines()


def test_speed_counts_the_faster_mode_of_keras_and_says_where_pytorch_is_faster(lines):
    assert "takes 1.20 to 1.70 times as long." in lines[0]
    assert "PyTorch's LSTM takes 0.50 to 0.90 of our time." in lines[0]


def test_engines_are_compared_by_the_size_of_their_packages(lines):
    assert "from 217 MB of packages; TensorFlow needs 2,932 MB." in lines[1]


def test_serving_says_for_how_many_models_batching_delays_the_slowest_answers(lines):
    assert "answers 2,296 requests a second of 32 clients on 2 cores." in lines[2]
    assert "slower for 1 of 3 models." in lines[2]
