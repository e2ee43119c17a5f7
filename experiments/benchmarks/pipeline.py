"""Times the input pipeline of speech commands beside the step of its model.

    python -m experiments.benchmarks.pipeline --record

The settings are the default recipe's, the clips random: neither time depends on what is
said. The three rows take turns.
"""

import json
import time

import numpy as np

from apps.common.portable.terminal import report_errors
from experiments.benchmarks.recorded import circumstances, parser_of, record
from experiments.tables import DATA_PAGE, RESULTS, markdown_table

NAME, PAGE = "pipeline", DATA_PAGE
RESULT = RESULTS / f"{NAME}.json"
PIPELINE, MODEL, BOTH = "input pipeline", "model", "both, as in training"
CLASSES, CLIPS = 10, 1024


def steps_of(config):
    """Returns what is timed, by name: functions that return when a batch is done.

    Args:
        config: A `Config` of speech commands.
    """
    import tensorflow as tf

    from apps.common.training.optimizer import optimizer
    from apps.speech_commands.data import Batches
    from apps.speech_commands.features import LogMel
    from apps.speech_commands.model import build_model
    from apps.speech_commands.train import trainer_of

    data, settings = config.data, vars(config.features)
    front_end = LogMel(data.sample_rate_hz, **settings)
    clips = _random_clips(data.sample_rate_hz * data.clip_ms // 1000)
    batch_size = config.train.batch_size
    batches = Batches(
        *(clips, CLASSES, front_end, batch_size), augmentation=config.augmentation
    )
    model = build_model(CLASSES, front_end.mel_bands, **vars(config.model))
    trainer = trainer_of(
        *(tf.distribute.get_strategy(), model, optimizer(config.train, batches.steps)),
        *(batch_size, config.model.pooling, None),
    )
    trainer.make_train_function()
    read, trained = (iter(batches.shuffled(seed)) for seed in (1, 2))
    one = iter(tf.data.Dataset.from_tensors(next(read)).repeat())
    return {
        PIPELINE: lambda: next(read),
        MODEL: lambda: trainer.train_function(one)["loss"].numpy(),
        BOTH: lambda: trainer.train_function(trained)["loss"].numpy(),
    }


def _random_clips(samples):
    from apps.speech_commands.coloured_noise import noise_bank
    from apps.speech_commands.data import NOISES, Clips

    rng = np.random.default_rng(0)
    waves = rng.integers(-3000, 3001, (CLIPS, samples)).astype("int16")
    labels = rng.integers(CLASSES, size=CLIPS).astype("int32")
    noise = noise_bank(0, NOISES, 10 * samples)
    return Clips(waves, labels, [""] * CLIPS, np.full(CLIPS, np.inf), noise)


def measure(config, rounds, steps):
    """Returns the milliseconds a batch of each row, of wall and of processor time.

    Args:
        config: A `Config` of speech commands.
        rounds: Number of turns of each row; the result is their median.
        steps: Number of batches of a turn.
    """
    functions = steps_of(config)
    times = {name: {"wall_ms": [], "processor_ms": []} for name in functions}
    for turn in range(rounds + 1):  # the first one traces the graphs
        for name, step in functions.items():
            wall, processor = time.perf_counter(), time.process_time()
            for _ in range(steps):
                step()
            if turn:
                row = times[name]
                row["wall_ms"].append(1000 * (time.perf_counter() - wall) / steps)
                row["processor_ms"].append(
                    1000 * (time.process_time() - processor) / steps
                )
    return {
        name: {key: round(float(np.median(values)), 2) for key, values in row.items()}
        for name, row in times.items()
    }


def result_of(rounds, steps):
    """Measures the default recipe; returns the recorded result."""
    from experiments.speech_commands import TASK

    config = TASK.config(TASK.default_recipe, [])
    return {
        "rows": measure(config, rounds, steps),
        "recipe": TASK.default_recipe,
        "batch_size": config.train.batch_size,
        "clip_ms": config.data.clip_ms,
        "rounds": rounds,
        "steps": steps,
        **circumstances(NAME, f"--rounds {rounds} --steps {steps}"),
    }


def table(result):
    """Returns the result as a Markdown table."""
    clips = f"{result['batch_size']} clips of {result['clip_ms'] / 1000:g} s"
    rows = (
        (name, f"{row['wall_ms']:.1f} ms", f"{row['processor_ms']:.1f} ms")
        for name, row in result["rows"].items()
    )
    header = (f"a batch: {clips}", "time", "processor time")
    return f"{markdown_table(header, rows)}\n\nMeasured on {result['hardware']}."


def recorded_table():
    """Returns the Markdown table of the recorded result."""
    return table(json.loads(RESULT.read_text()))


def main(arguments=None):
    """Runs the command line."""
    parser = parser_of(NAME, __doc__, PAGE)
    add = parser.add_argument
    add("--rounds", type=int, default=9, metavar="N", help="turns (default: 9)")
    add(
        "--steps",
        type=int,
        default=50,
        metavar="N",
        help="batches a turn (default: 50)",
    )
    options = parser.parse_args(arguments)
    with report_errors():
        for name in ("rounds", "steps"):
            if (value := getattr(options, name)) < 1:
                raise ValueError(f"--{name}: expected at least 1. Received: {value}.")
        result = result_of(options.rounds, options.steps)
        print(table(result))
        if options.record:
            record(RESULT, PAGE, result, recorded_table)


if __name__ == "__main__":
    main()
