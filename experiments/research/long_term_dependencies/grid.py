"""Trains recurrent networks on tasks with long-term dependencies.

A simple RNN, a GRU, our LSTM and our LSTM with chrono initialisation have about the
same number of parameters. They train on the same sequences of four tasks, with gaps of
several lengths.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from apps.common.portable.files import write_json
from apps.common.portable.progress import Progress
from apps.common.portable.terminal import report_errors
from apps.common.training.processor import available_cores
from experiments.research.long_term_dependencies.tasks import KINDS, TASKS

RUN = Path("runs/long_term_dependencies")
MEASURED, BATCHES_BETWEEN = 512, 100  # sequences of a measurement, batches between two
GRADIENT_SEQUENCES = 32


@dataclass(frozen=True)
class Cell:
    """One training of the grid.

    Attributes:
        task: A name of `TASKS`.
        gap: Length of the gap.
        kind: A name of `KINDS`.
        seed: Seed of the weights and of the training sequences.
    """

    task: str
    gap: int
    kind: str
    seed: int

    @property
    def path(self):
        """Path of its result, relative to the run directory."""
        name = f"{self.task}-{self.gap}-{self.kind}-seed-{self.seed}.json"
        return Path("cells", name)


@dataclass(frozen=True)
class Settings:
    """Settings of the training of a cell, which stops when the task is solved.

    Attributes:
        batches: Maximum number of batches.
        batch_size: Sequences per batch.
        learning_rate: First learning rate of Adam; it falls along a cosine to a tenth
            over all batches.
        clip_norm: Longer gradients are scaled to this norm.
    """

    batches: int = 3000
    batch_size: int = 64
    learning_rate: float = 0.005
    clip_norm: float = 1.0


def grid(quick):
    """Returns the cells: all, or with `quick` those of one task, two gaps, one seed."""
    if quick:
        return [Cell("agreement", gap, kind, 1) for gap in (20, 50) for kind in KINDS]
    cells = [
        Cell(task, gap, kind, seed)
        for task, of_task in TASKS.items()
        for gap, seed, kind in itertools.product(of_task.gaps, (1, 2, 3), KINDS)
    ]
    return [*cells, *(Cell("adding", 1000, kind, 1) for kind in KINDS)]


def run_cell(cell, settings, directory):
    """Trains one cell and writes its result; an existing result is only read.

    Returns:
        A line of progress.

    Raises:
        ValueError: If the existing result has other settings.
    """
    path = Path(directory, cell.path)
    if not path.exists():
        result = _trained(cell, settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, result, indent=1)
    result = json.loads(path.read_text(encoding="utf-8"))
    if result["settings"] != asdict(settings):
        raise ValueError(
            f"{path}: trained with other settings: {result['settings']}. Give another "
            "directory with --directory, or delete this one."
        )
    outcome = "solved" if result["solved"] else "not solved"
    return (
        f"{cell.task}, gap {cell.gap}, {cell.kind}, seed {cell.seed}: {outcome} "
        f"({result['score']:.3f}) after {result['curve'][-1]['sequences']:,} sequences"
    )


def _trained(cell, settings):
    import keras

    from experiments.research.long_term_dependencies.models import (
        build_model,
        gradient_norms,
    )

    task = TASKS[cell.task]
    keras.utils.set_random_seed(cell.seed)
    model = build_model(cell.kind, task, cell.gap)
    if task.classes:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    else:
        loss = keras.losses.MeanSquaredError()
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate, settings.batches, alpha=0.1
    )
    model.compile(keras.optimizers.Adam(schedule, clipnorm=settings.clip_norm), loss)
    x, y = task.make(np.random.default_rng([0, cell.gap]), MEASURED, cell.gap)

    def score():
        answers = model.predict(x, batch_size=MEASURED // 2, verbose=0)
        if task.classes:
            return float(np.mean(answers.argmax(axis=-1) == y))
        return float(np.mean((answers - y) ** 2))

    def gradients():
        if cell.task not in ("agreement", "temporal_order"):
            return {}
        return gradient_norms(model, x[:GRADIENT_SEQUENCES], y[:GRADIENT_SEQUENCES])

    began, curve, before = time.monotonic(), [], gradients()
    for batch in range(settings.batches):
        rng = np.random.default_rng([cell.seed, cell.gap, batch])
        value = model.train_on_batch(*task.make(rng, settings.batch_size, cell.gap))
        if (batch + 1) % BATCHES_BETWEEN == 0:
            seen = (batch + 1) * settings.batch_size
            curve.append({"sequences": seen, "loss": float(value), "score": score()})
            model.reset_metrics()  # the loss is a mean since the last reset
            if task.is_solved(curve[-1]["score"]):
                break
    return {
        **asdict(cell),
        "settings": asdict(settings),
        "parameters": model.count_params(),
        "units": model.get_layer("recurrent").units,
        "score": curve[-1]["score"],
        "solved": task.is_solved(curve[-1]["score"]),
        "seconds": round(time.monotonic() - began, 1),
        "curve": curve,
        "gradients": {"before": before, "after": gradients()},
    }


def run_grid(cells, settings, directory):
    """Runs cells in parallel, one process per core, and shows the progress."""
    bar = Progress(len(cells), "cell")
    # The longest cells first, so that the cores finish at about the same time.
    ordered = sorted(cells, key=lambda cell: (-cell.gap, cell.seed))
    cores = available_cores()
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    free = context.SimpleQueue()
    for core in cores:
        free.put(core)
    with context.Pool(len(cores), _take_core, (free,)) as pool:
        work = ((cell, settings, directory) for cell in ordered)
        for line in pool.imap_unordered(_run_cell, work):
            bar.close(line)
            bar.add()
    bar.close()


def _take_core(free):
    """Pins a worker process to a core of its queue, where the system can."""
    core = free.get()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def _run_cell(work):
    return run_cell(*work)


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.research.long_term_dependencies",
        description=__doc__,
    )
    parser.add_argument(
        "--quick", action="store_true", help="one task, two gaps, one seed: two minutes"
    )
    parser.add_argument(
        "--directory", type=Path, default=RUN, help=f"results go here (default: {RUN})"
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the results of the whole grid to experiments/results",
    )
    options = parser.parse_args(arguments)
    with report_errors():
        cells, settings = grid(options.quick), Settings()
        run_grid(cells, settings, options.directory)
        from experiments.research.long_term_dependencies.report import record, report

        print(report(cells, options.directory))
        if options.record:
            print(f"Recorded: {record(cells, options.directory)}")
