"""Peak memory of reading text, from a file of the user's own to shuffled batches.

    python -m experiments.benchmarks.streaming_memory
    python -m experiments.benchmarks.streaming_memory --megabytes 10 --tasks sentiment

Files of invented words, Zipf distributed, are read by a fresh process each, as training
reads them: the training and the validation split, their vocabulary, token ids, and the
first batches. Times depend on what else the machine does; peaks do not.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

from apps.common.portable.files import atomic_write
from apps.common.portable.terminal import report_errors
from experiments.results.tables import (
    DATA_PAGE,
    RESULTS,
    VERSIONS,
    hardware,
    update_tables,
)

NAME = "streaming_memory"
RESULT = RESULTS / f"{NAME}.json"
WORDS = 2_000_000  # that can be drawn: more than the vocabulary's counts hold
SYLLABLES = [c + v for c in "bdfghklmnprstv" for v in "aeiou"]
DRAWN = 2**20  # words at once
BATCHES, BATCH_SIZE, EVERY_S = 200, 32, 0.05
SUFFIXES = {"language_modeling": ".txt", "sentiment": ".csv", "summarization": ".jsonl"}
LONGEST = {"language_modeling": 60, "sentiment": 240, "summarization": 240}  # words


def word(rank):
    """Returns an invented word; frequent ones, of low rank, are short.

    >>> word(0), word(69), word(70), word(1_999_999)
    ('ba', 'vu', 'baba', 'busifaku')
    """
    parts, rank = [], rank + 1
    while rank:
        rank, place = divmod(rank - 1, len(SYLLABLES))
        parts.append(SYLLABLES[place])
    return "".join(reversed(parts))


def texts(seed, longest, words=WORDS):
    """Yields texts of 10 to `longest` words, endlessly.

    The probability of a word is about one over its rank (Zipf's law).
    """
    rng = np.random.default_rng(seed)
    known = np.array([word(rank) for rank in range(words)], dtype=object)
    while True:
        ranks = np.exp(rng.random(DRAWN) * np.log(words + 1)).astype("int64") - 1
        drawn = known[np.minimum(ranks, words - 1)].tolist()
        start, lengths = 0, rng.integers(10, longest + 1, DRAWN // 10).tolist()
        for length in lengths:
            if start + length > DRAWN:
                break
            yield " ".join(drawn[start : start + length]) + "."
            start += length


def write(path, task, megabytes, seed=0, words=WORDS):
    """Writes a file of so many million bytes in the format that a task reads."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        if task == "sentiment":
            rows.writerow(["text", "label"])
        for number, text in enumerate(texts(seed, LONGEST[task], words)):
            if number % 100 == 0 and file.tell() >= 1e6 * megabytes:
                return
            if task == "sentiment":
                rows.writerow([text, ("good", "bad")[number % 2]])
            elif task == "summarization":
                summary = " ".join(text.split()[: 3 + number % 8])
                file.write(json.dumps({"document": text, "summary": summary}) + "\n")
            else:
                file.write(text + "\n")


def batches_of(task, path):
    """Reads a file as the task's training does; returns rows and `*Batches`."""
    from apps.common.data.batches import PaddedBatches

    splits, settings = ("train", "validation"), {"dataset": "files", "file": str(path)}
    if task == "language_modeling":
        from apps.language_modeling.config import DataConfig
        from apps.language_modeling.data import Windows, load_data

        data = load_data(DataConfig(**settings), splits)
        return len(data.train), Windows(data.train, BATCH_SIZE, 32)
    if task == "sentiment":
        from apps.sentiment import data as app
        from apps.sentiment.config import DataConfig

        config = DataConfig(**settings)
        length = config.max_length

        def batched(part):
            columns = app.encode(part, data.vocabulary, length)
            return app.batches_of(columns, BATCH_SIZE, length)

    else:
        from apps.summarization import data as app
        from apps.summarization.config import DataConfig

        config = DataConfig(**settings)

        def batched(part):
            return PaddedBatches(app.encode(part, data.vocabulary, config), BATCH_SIZE)

    data = app.load_data(config, splits)
    train, _ = map(batched, (data.train, data.validation))
    return len(train.shapes), train


def _status(field):
    """Returns megabytes of this process, as the kernel counts them."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) * 1024 / 1e6


def measure_here(task, path):
    """Returns what reading takes in this process, which should be a fresh one."""
    import tensorflow as tf

    tf.constant(0)
    anonymous, ended = [start := _status("RssAnon")], threading.Event()

    def sample():
        while not ended.wait(EVERY_S):
            anonymous.append(_status("RssAnon"))

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
        "peak_mb": round(_status("VmHWM")),
        "minutes": round(seconds / 60, 1),
        "mb_per_s": round(megabytes / seconds, 1),
    }


def measure(task, path):
    """Returns what `measure_here` finds in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{NAME}", "--here", task, str(path)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise ValueError(
            f"Reading {path.name} failed: {done.stderr.strip()[-300:] or 'no message'}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def run(tasks, sizes):
    """Returns a row for each task and size; tells on standard error how far it is."""
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
    lines = [
        "| task | text | training rows | RssAnon at start | its peak | VmHWM | time |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        rows_name = "tokens" if row["task"] == "language_modeling" else "texts"
        lines.append(
            f"| {row['task']} | {row['megabytes']:,} MB | {row['rows']:,} {rows_name} "
            f"| {row['start_mb']} MB | {row['peak_anonymous_mb']:,} MB "
            f"| {row['peak_mb']:,} MB | {row['minutes']} min |"
        )
    return "\n".join(lines)


def recorded_table():
    """Returns the table of what `--record` wrote."""
    return table(json.loads(RESULT.read_text())["rows"])


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{NAME}",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
        help="apps that read (default: all three)",
    )
    add(
        "--record",
        action="store_true",
        help=f"write experiments/results/{RESULT.name} and the table of docs/data.md",
    )
    add("--here", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with report_errors():
        if options.here:
            task, path = options.here
            print(json.dumps(measure_here(task, Path(path))))
            return
        rows = run(options.tasks, options.megabytes)
        print(table(rows))
        if options.record:
            record(rows)


def record(rows):
    """Writes the rows, and how they were measured, and the table of the page.

    Rows of other tasks, recorded before, stay.
    """
    known = json.loads(RESULT.read_text())["rows"] if RESULT.exists() else []
    rows = [r for r in known if r["task"] not in {row["task"] for row in rows}] + rows
    rows.sort(key=lambda row: (list(SUFFIXES).index(row["task"]), row["megabytes"]))
    sizes = " ".join(map(str, sorted({row["megabytes"] for row in rows})))
    result = {
        "rows": rows,
        "words_drawn_from": WORDS,
        "batches_read": BATCHES,
        "hardware": hardware(),
        "command": f"python -m experiments.{NAME} --megabytes {sizes} --record",
        "versions": {package: version(package) for package in VERSIONS},
        "date": date.today().isoformat(),
    }
    with atomic_write(RESULT) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    update_tables(DATA_PAGE, {NAME: recorded_table()})


if __name__ == "__main__":
    main()
