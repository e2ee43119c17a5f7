"""Compares the language model with a simple recurrent network, on words.

    python -m experiments.language_modeling wikipedia train evaluate
    python -m experiments.language_modeling wikipedia_simple train evaluate
    python -m experiments.research.simple_network            # prints a table
    python -m experiments.research.simple_network --record   # writes it, with a picture

Both runs have the same settings but `model.cell`. How far back a network remembers is
measured on windows of the test text, in two ways. The gradient: the norm of the
derivative of the loss at the end with respect to the state some words before. The
influence of a word: how much the state changes if the word is left out, as a share of
its norm.
"""

import argparse
import csv
import json
from datetime import date
from pathlib import Path

import numpy as np

from apps.common.portable.files import write_json
from apps.common.portable.run_files import HISTORY, METRICS
from apps.common.portable.terminal import report_errors
from experiments.language_modeling import TASK
from experiments.machine import hardware, versions
from experiments.tables import LSTM_PAGE, RESULTS, markdown_table, update_tables
from experiments.task import RUNS

NAME, PAGE = "simple_network", LSTM_PAGE
RESULT, PICTURE = RESULTS / f"{NAME}.json", RESULTS / f"{NAME}.png"
COMMAND = f"python -m experiments.research.{NAME}"
RUN_DIRECTORIES = {  # option -> name of the network, default run
    "simple": ("simple RNN", RUNS / TASK.name / "wikipedia_simple" / "seed-1"),
    "lstm": ("LSTM", RUNS / TASK.name / "wikipedia" / "seed-1"),
}
COLORS = ("tab:red", "tab:blue")
STATES = {"h": "h", "c": "C"}
WINDOWS, BEFORE, WORDS = 256, 16, 48  # windows; words before the one left out, after it
SHOWN = (1, 2, 4, 8, 16, 32)  # distances in words


def result_of(directories):
    """Measures the networks.

    Args:
        directories: Run directories by the name of the network.

    Returns:
        A dictionary: by name of the network `parameters`, `train_minutes`, the
        perplexities `validation` and `test`, and by state `gradient` and `influence`, a
        list by distance in words; and how it was measured.

    Raises:
        ValueError: If a run is not evaluated.
    """
    return {
        "networks": {
            name: {**_perplexities(path), **_memory(path)}
            for name, path in directories.items()
        },
        "windows": WINDOWS,
        "command": f"{COMMAND} --record",
        "hardware": hardware(),
        "versions": versions(),
        "date": date.today().isoformat(),
    }


def _perplexities(directory):
    """Returns the recorded figures of a run."""
    if not (directory / METRICS).exists():
        raise ValueError(
            f"{directory} has no {METRICS}. Train and evaluate it (`{COMMAND} --help` "
            "has the commands), or name another run."
        )
    metrics = json.loads((directory / METRICS).read_text(encoding="utf-8"))
    with open(directory / HISTORY, encoding="utf-8", newline="") as file:
        validation = [float(row["val_perplexity"]) for row in csv.DictReader(file)]
    return {
        "parameters": metrics["parameters"],
        "train_minutes": metrics["train_minutes"],
        "validation": round(min(validation), 1),
        "test": round(metrics["perplexity"], 1),
    }


def _memory(directory):
    """Measures how far back a run's last recurrent layer remembers."""
    # Imported here: they load TensorFlow, which --help does not need.
    from apps.language_modeling.data import load_data
    from apps.language_modeling.predict import Predictor

    predictor = Predictor.load(directory)
    test = load_data(predictor.config.data, ("test",), predictor.vocabulary).test
    length = BEFORE + WORDS + 2
    starts = np.linspace(0, len(test) - length, WINDOWS).astype(int)
    windows = np.stack([test[start : start + length] for start in starts])
    return {
        measure: {
            state: [float(f"{value:.4g}") for value in values[: WORDS + 1]]
            for state, values in by_state.items()
        }
        for measure, by_state in memory_of(predictor.model, windows, BEFORE).items()
    }


def memory_of(model, windows, before):
    """Measures how far back a model of one recurrent layer remembers.

    Args:
        model: Model of `apps.language_modeling.model.build_model`.
        windows: Token ids, `(windows, timesteps)`; the last one is predicted.
        before: Number of words before the word that is left out.

    Returns:
        By state `gradient`: the norm of the gradient of the loss at the end with
        respect to the state d words before, d from 0. By state `influence`: the
        relative change of the state d words after the word that is left out, d from 0.
        Both are means over the windows.

    Raises:
        ValueError: If the model has several recurrent layers.
    """
    import tensorflow as tf

    from experiments.research.long_term_dependencies.models import state_gradients

    cells = [layer.cell for layer in model.layers if hasattr(layer, "cell")]
    if len(cells) != 1:
        raise ValueError(
            f"Expected a model with one recurrent layer. Received: {len(cells)}."
        )
    embedding = model.get_layer("embedding")
    x, targets = embedding(windows[:, :-1]), windows[:, -1]
    gradients = state_gradients(
        cells[0], x, lambda h: tf.reduce_sum(embedding.losses(h, targets, False))
    )
    whole = _states(cells[0], x)[before:]
    without = _states(cells[0], tf.concat([x[:, :before], x[:, before + 1 :]], axis=1))
    changes = _relative_change(without[before - 1 :], whole)
    return {
        "gradient": {name: norms[::-1] for name, norms in gradients.items()},
        "influence": dict(zip(gradients, changes.tolist(), strict=True)),
    }


def _states(cell, x):
    """Returns the states of a cell, `(timesteps, states, windows, units)`."""
    states, kept = cell.get_initial_state(batch_size=len(x)), []
    states = states if isinstance(states, (list, tuple)) else [states]
    for t in range(x.shape[1]):
        _, states = cell(x[:, t], states)
        kept.append([np.array(state) for state in states])
    return np.array(kept)


def _relative_change(states, others):
    """Returns the mean share of the norm by which states differ, `(states, times)`."""
    norms = np.linalg.norm(states - others, axis=-1) / np.linalg.norm(others, axis=-1)
    return norms.mean(axis=-1).T


def table(result):
    """Returns the result as Markdown: perplexities, and what a word leaves."""
    networks = result["networks"]
    header = (
        *("network", "parameters", "minutes", "validation perplexity", "test"),
        *(f"{d} words" if d > 1 else "1 word" for d in SHOWN),
    )
    rows = [
        (
            *(name, f"{row['parameters']:,}", f"{row['train_minutes']:.1f}"),
            *(f"{row['validation']:.1f}", f"{row['test']:.1f}"),
            *(f"{100 * _carried(row['influence'])[d]:.1f} %" for d in SHOWN),
        )
        for name, row in networks.items()
    ]
    return (
        f"{markdown_table(header, rows)}\n\n"
        "Right: if one word is left out, by how much of its norm the state differs "
        "that many words later (h, and of the LSTM the cell state C); mean over "
        f"{result['windows']} places of the test text. "
        f"`{result['command']}`: {result['hardware']}, {result['date']}."
    )


def _carried(by_state):
    """Returns the values of the state that reaches furthest: C of an LSTM, else h."""
    return by_state.get("c") or by_state["h"]


def recorded_table():
    """Returns the Markdown of the recorded result."""
    return table(json.loads(RESULT.read_text(encoding="utf-8")))


def plot(result, path):
    """Draws gradient and influence against the distance in words."""
    import matplotlib.pyplot as plt

    from apps.common.metrics.plots import save_figure

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for color, (name, row) in zip(COLORS, result["networks"].items(), strict=True):
        for state in row["gradient"]:
            line = ":" if state == "h" and "c" in row["gradient"] else "-"
            for panel, kind in zip(panels, ("gradient", "influence"), strict=True):
                values = np.array(row[kind][state])
                scale = values.max() if kind == "gradient" else 1
                distance = np.flatnonzero(values)  # the loss does not read C itself
                panel.semilogy(
                    *(distance, values[distance] / scale, line),
                    color=color,
                    label=f"{name}, {STATES[state]}",
                )
    for panel, title, label in zip(
        panels,
        ("gradient on its way back", "a word left out"),
        ("norm, relative to the largest", "change of the state, relative"),
        strict=True,
    ):
        panel.set(title=title, xlabel="distance, words", ylabel=label)
        panel.grid(alpha=0.3)
    panels[1].legend(fontsize="small")
    save_figure(figure, path)


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option, (name, directory) in RUN_DIRECTORIES.items():
        parser.add_argument(
            f"--{option}",
            type=Path,
            metavar="RUN",
            default=directory,
            help=f"run directory of: {name} (default: {directory})",
        )
    parser.add_argument(
        "--record",
        action="store_true",
        help=f"write experiments/results/{NAME}.* and the table of docs/lstm.md",
    )
    options = parser.parse_args(arguments)
    with report_errors():
        result = result_of(
            {
                name: getattr(options, option)
                for option, (name, _) in RUN_DIRECTORIES.items()
            }
        )
        print(table(result))
        if options.record:
            write_json(RESULT, result, indent=1)
            plot(result, PICTURE)
            update_tables(PAGE, {NAME: recorded_table()})


if __name__ == "__main__":
    main()
