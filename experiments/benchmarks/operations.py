"""Shows what the processor does in a training step of each app's default model.

    python -m experiments.benchmarks.operations --record

TensorFlow's profiler says when each operation began and ended on each thread. An
operation counts without those that it called. The times beside it are taken without the
profiler, in turns with the same model with `keras.layers.LSTM` in its faster mode, with
or without XLA.
"""

import json
import re
import tempfile
import time
from collections import Counter
from pathlib import Path

from apps.common.portable.terminal import report_errors
from experiments.benchmarks.contenders import CAROUSEL, KERAS
from experiments.benchmarks.recorded import circumstances, parser_of, record
from experiments.tables import RESULTS, SPEED_PAGE, markdown_table

NAME, PAGE = "operations", SPEED_PAGE
RESULT = RESULTS / f"{NAME}.json"
STEPS = 20  # that are profiled
TURN_SECONDS = 0.3
LSTM = ("LSTM: loops", "LSTM: starting", "LSTM: products")
KINDS = (*LSTM, "other products", "optimizer", "other operations", "TensorFlow")
# XLA's programs, by the names of the functions that it compiled.
LOOPS = re.compile(r"_(?:forward|backward)_loop_|_inference_function_")
OPTIMIZER = re.compile("_compiled_update_")
PRODUCT = re.compile(r"MatMul|Einsum|Tensordot")
# The layer calls its graphs of the products around the loops by this operation.
LAYER = re.compile(r"PartitionedCall(?:_\d+)?/")
# The profiler names an operation "scope/name:Type"; the rest is TensorFlow itself.
OPERATION = re.compile(r"(?<!:):\w+$")
WAITING = ("KernelAndDeviceFunc::Run", "BlockUntilReady")
STARTING = (
    "ThunkExecutor::Execute"  # XLA starts its operations, nearly all in the loops
)


def kind_of(program, name):
    """Returns the kind of an event of the profiler, or None if its thread waits.

    Args:
        program: Name of the XLA program that it is part of, or "".
        name: Name of the event.
    """
    if name in WAITING:
        return None
    if program:
        if LOOPS.search(program):
            return LSTM[0]
        return "optimizer" if OPTIMIZER.search(program) else "other operations"
    if not OPERATION.search(name):
        return LSTM[1] if name == STARTING else "TensorFlow"
    if PRODUCT.search(name):
        return LSTM[2] if LAYER.search(name) else "other products"
    return "other operations"


def own_times(events):
    """Yields the program, the name and the own time of each event of a thread.

    Args:
        events: `(begin, duration, program, name)`; an event lies within another or
            beside it. The program is "" where the event does not name it; it is then
            that of the event around it.
    """
    around = []  # [end, program, name, own time] of the events that have not ended
    for begin, duration, program, name in sorted(events, key=lambda e: (e[0], -e[1])):
        while around and around[-1][0] <= begin:
            yield tuple(around.pop()[1:])
        if around:
            around[-1][3] -= duration
            program = program or around[-1][1]
        around.append([begin + duration, program, name, duration])
    yield from (tuple(each[1:]) for each in reversed(around))


def profiled(step):
    """Returns the milliseconds of each kind in `STEPS` steps, summed over threads."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as directory:
        tf.profiler.experimental.start(directory)
        for _ in range(STEPS):
            step()
        tf.profiler.experimental.stop()
        (file,) = Path(directory).rglob("*.xplane.pb")
        threads = _threads(file.read_bytes())
    times = Counter(dict.fromkeys(KINDS, 0))
    for events in threads:
        for program, name, own in own_times(events):
            if kind := kind_of(program, name):
                times[kind] += own / 1e9
    return {kind: times[kind] for kind in KINDS}


def _threads(content):
    """Yields the events of each thread of a profile, times in picoseconds."""
    # TensorFlow has no other reader of its profiles; TensorBoard's plugin is a server.
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    for plane in XSpace.FromString(content).planes:
        names = {key: data.name for key, data in plane.stat_metadata.items()}
        for line in plane.lines:
            yield [
                (
                    event.offset_ps,
                    event.duration_ps,
                    _program(event, names),
                    plane.event_metadata[event.metadata_id].name,
                )
                for event in line.events
            ]


def _program(event, names):
    for stat in event.stats:
        if names[stat.metadata_id] == "hlo_module":
            return names[stat.ref_value] if stat.ref_value else stat.str_value
    return ""


def measure(task, rounds):
    """Measures a step of an app's default model.

    Args:
        task: A key of `DEFAULT_STEPS`.
        rounds: Number of turns of our model and of Keras's.

    Returns:
        Milliseconds of a step, "wall_ms" and "processor_ms"; the "ratio" of Keras's
        time to ours; and "shares", the share of each kind of the time that the profiler
        saw.
    """
    from experiments.benchmarks.models.steps import fit_contenders
    from experiments.benchmarks.timing import interleaved, summary

    contenders = fit_contenders(task)
    contenders = {n: f for n, f in contenders.items() if n[:5] in (CAROUSEL[:5], KERAS)}
    rows = summary(*interleaved(contenders, rounds, TURN_SECONDS))
    ours = contenders[CAROUSEL]
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(STEPS):
        ours()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    times = profiled(ours)
    total = sum(times.values())
    return {
        "wall_ms": rows[CAROUSEL]["milliseconds"][1],
        "processor_ms": round(rows[CAROUSEL]["milliseconds"][1] * processor / wall, 2),
        "ratio": min(row["ratio"] for name, row in rows.items() if name[:5] == KERAS),
        "shares": {kind: round(value / total, 3) for kind, value in times.items()},
    }


def result_of(tasks, rounds):
    """Measures the apps one after the other; returns the recorded result."""
    return {
        "rows": {task: measure(task, rounds) for task in tasks},
        **circumstances(NAME, f"--rounds {rounds}"),
    }


def table(result):
    """Returns the result as a Markdown table.

    "at most" is what Keras / ours would be if our LSTM took no time at all.
    """
    header = ("a step of", "ms", "cores busy", *KINDS, "Keras / ours", "at most")
    rows = [_table_row(task, row) for task, row in result["rows"].items()]
    return f"{markdown_table(header, rows)}\n\nMeasured on {result['hardware']}."


def _table_row(task, row):
    rest = 1 - sum(row["shares"][kind] for kind in LSTM)
    return (
        task,
        f"{row['wall_ms']:.3g}",
        f"{row['processor_ms'] / row['wall_ms']:.2f}",
        *(f"{100 * row['shares'][kind]:.0f} %" for kind in KINDS),
        f"{row['ratio']:.2f}",
        f"{row['ratio'] / rest:.1f}",
    )


def recorded_table():
    """Returns the Markdown table of the recorded result."""
    return table(json.loads(RESULT.read_text()))


def main(arguments=None):
    """Runs the command line."""
    from experiments.benchmarks.models.default_steps import DEFAULT_STEPS

    parser = parser_of(NAME, __doc__, PAGE)
    add = parser.add_argument
    add("--rounds", type=int, default=9, metavar="N", help="turns (default: 9)")
    add(
        "--only",
        choices=DEFAULT_STEPS,
        metavar="MODEL",
        help=f"measure one of {', '.join(DEFAULT_STEPS)} and record nothing",
    )
    options = parser.parse_args(arguments)
    with report_errors():
        if options.rounds < 1:
            raise ValueError(
                f"--rounds: expected at least 1. Received: {options.rounds}."
            )
        if options.only and options.record:
            raise ValueError("--record: the table has all models. Leave out --only.")
        tasks = [options.only] if options.only else list(DEFAULT_STEPS)
        result = result_of(tasks, options.rounds)
        print(table(result))
        if options.record:
            record(RESULT, PAGE, result, recorded_table)


if __name__ == "__main__":
    main()
