"""Measures the peak memory of reading a text file into shuffled batches.

    python -m experiments.benchmarks.streaming_memory
    python -m experiments.benchmarks.streaming_memory --megabytes 10 --tasks sentiment

A fresh process reads each file of invented, Zipf-distributed words as training does:
the training and the validation split, their vocabulary, token ids and first batches.
Its memory is that of its child processes, too.
Other programs on the machine change the times, but not the peaks.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from apps.common.portable.terminal import report_errors
from experiments.benchmarks.fresh_process import measured_in_fresh_process
from experiments.benchmarks.recorded import circumstances, parser_of, record
from experiments.benchmarks.zipf_texts import WORDS, write
from experiments.tables import DATA_PAGE, RESULTS, markdown_table

NAME, PAGE = "streaming_memory", DATA_PAGE
RESULT = RESULTS / f"{NAME}.json"
MODULE = f"experiments.benchmarks.{NAME}"
COLUMNS = (
    *("task", "text", "training rows", "RssAnon at start", "its peak", "VmHWM"),
    "time",
)
BATCHES, BATCH_SIZE, EVERY_S = 200, 32, 0.05
SUFFIXES = {"language_modeling": ".txt", "sentiment": ".csv", "summarization": ".jsonl"}


def batches_of(task, path):
    """Reads a file as training does; returns the number of rows and the batches."""
    from apps.common.data.batches import PaddedBatches

    splits, settings = ("train", "validation"), {"dataset": "files", "file": str(path)}
    if task == "language_modeling":
        from apps.language_modeling.config import DataConfig
        from apps.language_modeling.corpus import Corpora
        from apps.language_modeling.data import Windows, load_data

        corpora = Corpora(path.with_name("corpora"))
        data = load_data(DataConfig(**settings), splits, corpora=corpora)
        return len(data.train), Windows(data.train, BATCH_SIZE, 32)
    if task == "sentiment":
        from apps.sentiment import data as app
        from apps.sentiment.config import DataConfig

        config = DataConfig(**settings)
        length = config.max_length

        def make_batches(part):
            columns = app.encode(part, data.vocabulary, length)
            return app.batches_of(columns, BATCH_SIZE, length)

    else:
        from apps.summarization import data as app
        from apps.summarization.config import DataConfig

        config = DataConfig(**settings)

        def make_batches(part):
            return PaddedBatches(app.encode(part, data.vocabulary, config), BATCH_SIZE)

    data = app.load_data(config, splits)
    train, _ = map(make_batches, (data.train, data.validation))
    return len(train.shapes), train


def _status(field):
    """Returns a memory figure of this process and its children, in megabytes.

    Args:
        field: Name in Linux's /proc/self/status, such as "VmHWM".
    """
    kilobytes, children = 0, Path("/proc/self/task").glob("*/children")
    for process in [
        "self",
        *(n for path in children for n in path.read_text().split()),
    ]:
        with suppress(OSError, IndexError):  # it has ended: it has no memory
            status = Path("/proc", process, "status").read_text()
            kilobytes += int(status.split(f"{field}:")[1].split()[0])
    return kilobytes * 1024 / 1e6


def measure_here(task, path):
    """Measures reading in this process, which must be a fresh one.

    Returns:
        A row of the table, as a dictionary.
    """
    import tensorflow as tf

    tf.constant(0)
    anonymous, ended = [start := _status("RssAnon")], threading.Event()
    peaks = []

    def sample():
        while not ended.wait(EVERY_S):
            anonymous.append(_status("RssAnon"))
            peaks.append(_status("VmHWM"))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    began = time.monotonic()
    rows, batches = batches_of(task, path)
    for _ in batches.shuffled(1).take(BATCHES):
        pass
    seconds = time.monotonic() - began
    ended.set()
    sampler.join()
    megabytes = path.stat().st_size / 1e6
    return {
        "task": task,
        "megabytes": round(megabytes),
        "rows": rows,
        "start_mb": round(start),
        "peak_anonymous_mb": round(max(anonymous)),
        "peak_mb": round(max([*peaks, _status("VmHWM")])),
        "minutes": round(seconds / 60, 1),
        "mb_per_s": round(megabytes / seconds, 1),
    }


def measure(task, path):
    """Runs `measure_here` in a fresh process.

    Raises:
        ValueError: If the process fails.
    """
    return measured_in_fresh_process(MODULE, "--here", task, path)


def run(tasks, sizes):
    """Returns a row for each task and size; prints its progress on standard error."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for task in tasks:
            for megabytes in sizes:
                path = Path(scratch, f"text{SUFFIXES[task]}")
                print(f"{task}: {megabytes} MB", end="", file=sys.stderr, flush=True)
                write(path, task, megabytes)
                rows.append(measure(task, path))
                print(f", peak {rows[-1]['peak_mb']} MB", file=sys.stderr)
                path.unlink()
    return rows


def table(rows):
    """Returns the rows as a Markdown table."""
    return markdown_table(COLUMNS, map(_table_row, rows))


def _table_row(row):
    unit = "tokens" if row["task"] == "language_modeling" else "texts"
    return (
        row["task"],
        f"{row['megabytes']:,} MB",
        f"{row['rows']:,} {unit}",
        f"{row['start_mb']} MB",
        f"{row['peak_anonymous_mb']:,} MB",
        f"{row['peak_mb']:,} MB",
        f"{row['minutes']} min",
    )


def recorded_table():
    """Returns the Markdown table of the recorded rows."""
    return table(json.loads(RESULT.read_text())["rows"])


def main(arguments=None):
    """Runs the command line."""
    parser = parser_of(NAME, __doc__, PAGE)
    add = parser.add_argument
    add(
        "--megabytes",
        type=int,
        nargs="+",
        default=[100, 1000],
        metavar="N",
        help="sizes of the files, in million bytes (default: 100 1000)",
    )
    add(
        "--tasks",
        nargs="+",
        default=list(SUFFIXES),
        choices=list(SUFFIXES),
        metavar="TASK",
        help=f"apps whose reading is measured (default: {' '.join(SUFFIXES)})",
    )
    add("--here", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    with report_errors():
        if options.here:
            task, path = options.here
            print(json.dumps(measure_here(task, Path(path))))
            return
        rows = run(options.tasks, options.megabytes)
        print(table(rows))
        if options.record:
            record_rows(rows)


def record_rows(rows):
    """Writes the rows and their circumstances, and updates the table of the page.

    Recorded rows of other tasks stay.
    """
    recorded = json.loads(RESULT.read_text())["rows"] if RESULT.exists() else []
    rows = [
        r for r in recorded if r["task"] not in {row["task"] for row in rows}
    ] + rows
    rows.sort(key=lambda row: (list(SUFFIXES).index(row["task"]), row["megabytes"]))
    sizes = " ".join(map(str, sorted({row["megabytes"] for row in rows})))
    result = {
        "rows": rows,
        "words_drawn_from": WORDS,
        "batches_read": BATCHES,
        **circumstances(NAME, f"--megabytes {sizes}"),
    }
    record(RESULT, PAGE, result, recorded_table)


if __name__ == "__main__":
    main()
