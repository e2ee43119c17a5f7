"""Measures the LiteRT files of a run of speech commands: size, time and drift.

    python -m experiments.benchmarks.devices
    python -m experiments.benchmarks.devices --run runs/my-words --minutes 5

Time is that of one hop, by TensorFlow's stream and by each LiteRT file, in turns. Drift
is measured on a recording made of the clips of the test split, in noise: TensorFlow's
stream and each LiteRT file listen to it from its begin to its end, without a reset.
"""

import json

import numpy as np

from apps.common.portable.litert import (
    DYNAMIC,
    FLOAT,
    INT8,
    file_stem,
    litert_directory,
    load_network,
    read_description,
)
from apps.common.portable.terminal import report_errors
from apps.speech_commands.streaming.device import DEFAULT_RUN, device_stream
from experiments.benchmarks.recorded import circumstances, parser_of, record
from experiments.tables import DEVICES_PAGE, RESULTS, markdown_table

NAME, PAGE = "devices", DEVICES_PAGE
RESULT = RESULTS / f"{NAME}.json"
FILES = [file_stem("stream", quantization) for quantization in (FLOAT, DYNAMIC, INT8)]
TENSORFLOW = "TensorFlow"
COLUMNS = (
    *("engine", "size", "ms a hop", "with log-mel", "accuracy", "labels that differ"),
    *("largest difference", "mean, first and last tenth", "words", "missed"),
)
ROUNDS, TURN_S = 15, 0.2


def streams(predictor, directory):
    """Returns functions that begin a stream, by engine."""
    from apps.speech_commands.streaming.session import Stream

    parts = predictor.stream, predictor.front_end, predictor.labels
    new = {TENSORFLOW: lambda: Stream(*parts, **predictor.detection)}
    for name in FILES:
        new[name] = lambda name=name: device_stream(directory, name)
    return new


def times_of_a_hop(new_streams, directory):
    """Returns the median milliseconds of a hop by engine.

    Returns:
        Those of a stream from samples to words, and those of a file alone.
    """
    from experiments.benchmarks.timing import interleaved

    calls = {}
    for name, new in new_streams.items():
        stream = new()
        hop = np.random.default_rng(0).normal(size=stream.hop).astype("float32") / 10
        calls[name] = lambda stream=stream, hop=hop: stream.feed(hop)
    for name in FILES:
        network = load_network(directory, name)
        inputs = read_description(directory)["graphs"][name]["inputs"]
        frame = np.zeros(inputs["features"]["shape"], "float32")
        calls[name, "alone"] = lambda network=network, frame=frame: network(frame)
    times, _ = interleaved(calls, ROUNDS, TURN_S)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    return (
        {name: medians[name] for name in new_streams},
        {name: medians[name, "alone"] for name in FILES},
    )


def drift(new_streams, waveform, missed):
    """Returns by engine how its posteriors differ from TensorFlow's, frame by frame.

    Args:
        new_streams: Functions that begin a stream, by engine.
        waveform: What they listen to.
        missed: A function from the detected words to the share of words missed.
    """
    heard = {}
    for name, new in new_streams.items():
        stream = new()
        heard[name] = stream.feed(waveform)
    expected, words = heard.pop(TENSORFLOW)
    rows = {
        TENSORFLOW: {
            "words": len(words),
            "frames": len(expected),
            "miss_rate": missed(words),
        }
    }
    for name, (posteriors, found) in heard.items():
        difference = np.abs(posteriors - expected).max(axis=1)
        tenths = [part.mean() for part in np.array_split(difference, 10)]
        other = posteriors.argmax(axis=1) != expected.argmax(axis=1)
        rows[name] = {
            "labels_that_differ": float(other.mean()),
            "largest_difference": float(difference.max()),
            "mean_difference_by_tenth": [float(f"{mean:.2g}") for mean in tenths],
            "words": len(found),
            "miss_rate": missed(found),
        }
    return rows


def recording(predictor, minutes):
    """Returns a waveform of some minutes, and a function that counts misses in it.

    It is made of clips of the test split in noise, and repeated as often as it takes.
    The function takes detected words and returns the share of the words that are
    missed, where the recording is not yet repeated.
    """
    from apps.speech_commands.data import load_data
    from apps.speech_commands.streaming.detection import (
        TOLERANCE_S,
        long_recording,
        score_detections,
    )

    labels, rate = predictor.labels, predictor.front_end.sample_rate_hz
    data = load_data(predictor.config.data, ("test",), labels)
    once = long_recording(data.test, labels, rate)
    waveform = np.resize(once.waveform, round(minutes * 60 * rate))  # repeats it
    tolerance = TOLERANCE_S * rate
    events = [e for e in once.events if e.last + tolerance <= len(waveform)]

    def missed(words):
        found = [(round(w.time_s * rate), labels.index(w.word)) for w in words]
        hits, _ = score_detections(found, events, tolerance)
        return 1 - len(hits) / len(events) if events else None

    return waveform, missed


def measure(run, minutes):
    """Returns the rows of the table by engine.

    Args:
        run: Run directory with an export.
        minutes: Length of the recording in minutes.
    """
    from apps.speech_commands.predict import Predictor

    predictor, directory = Predictor.load(run), litert_directory(run)
    graphs = read_description(directory)["graphs"]
    new = streams(predictor, directory)
    whole, alone = times_of_a_hop(new, directory)
    rows = drift(new, *recording(predictor, minutes))
    for name, row in rows.items():
        row["ms_a_hop_with_log_mel"] = float(f"{whole[name]:.3g}")
        if name in graphs:
            row["ms_a_hop"] = float(f"{alone[name]:.3g}")
            row["bytes"] = (directory / graphs[name]["file"]).stat().st_size
            row["accuracy"] = graphs[name].get("accuracy")
    return rows


def table(rows):
    """Returns the rows as a Markdown table."""
    return markdown_table(COLUMNS, [_table_row(*item) for item in rows.items()])


def _table_row(name, row):
    cells = [name, "", "", f"{row['ms_a_hop_with_log_mel']:.3f}"]
    missed = row.get("miss_rate")
    missed = "" if missed is None else f"{100 * missed:.1f}%"
    if name == TENSORFLOW:
        return (*cells, "", "", "", "", f"{row['words']:,}", missed)
    accuracy = row["accuracy"]
    tenths = row["mean_difference_by_tenth"]
    return (
        f"LiteRT, `{name}`",
        f"{row['bytes'] / 1000:,.0f} KB",
        f"{row['ms_a_hop']:.3f}",
        cells[-1],
        "" if accuracy is None else f"{100 * accuracy:.2f}%",
        f"{100 * row['labels_that_differ']:.2f}%",
        f"{row['largest_difference']:.2g}",
        f"{tenths[0]:.2g}, {tenths[-1]:.2g}",
        f"{row['words']:,}",
        missed,
    )


def recorded_table():
    """Returns the Markdown table of the recorded rows."""
    return table(json.loads(RESULT.read_text())["rows"])


def main(arguments=None):
    """Runs the command line."""
    parser = parser_of(NAME, __doc__, PAGE)
    add = parser.add_argument
    add("--run", default=DEFAULT_RUN, help="run directory with an export (%(default)s)")
    add(
        "--minutes",
        type=float,
        default=60.0,
        help="length of the recording in minutes (%(default)g)",
    )
    options = parser.parse_args(arguments)
    with report_errors():
        rows = measure(options.run, options.minutes)
        print(table(rows))
        if options.record:
            record_rows(rows, options.minutes)


def record_rows(rows, minutes):
    """Writes the rows and their circumstances, and updates the table of the page."""
    result = {
        "rows": rows,
        "minutes": minutes,
        **circumstances(NAME, f"--minutes {minutes:g}"),
    }
    record(RESULT, PAGE, result, recorded_table)


if __name__ == "__main__":
    main()
