"""The README's lines on speed, engines and serving: one recorded figure each."""

import json

from experiments.tables import README, RESULTS

NAME, PAGE = "figures", README
RESULT = RESULTS / "engines.json"
BENCHMARK, LOAD = RESULTS / "benchmark.json", RESULTS / "load.json"
KERAS = "keras"  # begins the names of its two modes, with and without XLA
TORCH = "torch"
MODEL, CLIENTS = "sentiment", "32"


def recorded_table():
    """Returns the three lines, from the recorded benchmark, engines and load."""
    return "\n".join([_speed(), _engines(), _serving()])


def _speed():
    benchmark = _read(BENCHMARK)
    keras = [
        min(row["ratio"] for name, row in rows.items() if name.startswith(KERAS))
        for rows in benchmark["fit"].values()
    ]
    forward = [rows[TORCH]["ratio"] for rows in benchmark["layers"]["forward"].values()]
    return (
        f"- **Speed.** With `keras.layers.LSTM` a training step of the apps takes "
        f"{min(keras):.2f} to {max(keras):.2f} times as long. Forward alone PyTorch's "
        f"LSTM takes {min(forward):.2f} to {max(forward):.2f} of our time. "
        "[More](docs/speed.md)"
    )


def _engines():
    onnx, tensorflow = (
        _read(RESULT)["server"][engine]["installed_megabytes"]
        for engine in ("onnx", "tensorflow")
    )
    return (
        f"- **Engines.** ONNX Runtime serves the same models from {onnx:,} MB of "
        f"packages; TensorFlow needs {tensorflow:,} MB. [Browsers](docs/browser.md) "
        "and [devices](docs/devices.md) run them, too. [More](docs/onnx.md)"
    )


def _serving():
    engines = _read(RESULT)
    asked = engines["http"][MODEL][CLIENTS]["onnx"]
    load = [rows[CLIENTS] for rows in _read(LOAD)["load"].values()]
    slower = sum(row["joined"]["p99_ms"] > row["one by one"]["p99_ms"] for row in load)
    return (
        f"- **Serving.** The {MODEL} model answers {asked['requests_per_second']:,.0f} "
        f"requests a second of {CLIENTS} clients on {engines['hardware']}. Batching, "
        "measured with TensorFlow, makes the slowest 1 % of answers slower for "
        f"{slower} of {len(load)} models. "
        "[More](docs/serving.md#under-load)"
    )


def _read(path):
    return json.loads(path.read_text(encoding="utf-8"))
