"""Times the reading of a text: by the graph's operations twice, and as training reads.

    python -m experiments.benchmarks.reading --record

The text are film reviews (`imdb_reviews`, the unlabelled ones), one a line. Both ways
count its tokens, choose the vocabulary and encode the text; they take turns and must
return the same ids. A longer text is read faster, since fewer of its words are new.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from apps.common.portable.terminal import report_errors
from experiments.benchmarks.recorded import circumstances, parser_of, record
from experiments.tables import DATA_PAGE, RESULTS, markdown_table

NAME, PAGE = "reading", DATA_PAGE
RESULT = RESULTS / f"{NAME}.json"
GRAPH, READER = "graph operations, two passes", "pieces, one pass"
LINES_AT_ONCE = 2048


def write_reviews(directory, megabytes):
    """Writes a folder of film reviews that language modelling reads as `data.file`."""
    from apps.common.data.datasets import load_dataset

    size, limit = 0, 1e6 * megabytes
    with open(Path(directory, "train.txt"), "wb") as file:
        for example in load_dataset("imdb_reviews", "unsupervised").as_numpy_iterator():
            size += file.write(b" ".join(example["text"].splitlines()) + b"\n")
            if size >= limit:
                return
    raise ValueError(
        f"--megabytes: the unlabelled reviews have {size / 1e6:.0f} MB. "
        f"Give a smaller number. Received: {megabytes:g}."
    )


def read_by_graph(config):
    """Counts and encodes a text by the operations of a served model; returns ids."""
    from apps.common.data.reading import in_a_graph
    from apps.common.data.text import batches_of_texts, encoded
    from apps.common.data.vocabulary import TokenCounts, Vocabulary
    from apps.common.portable.patterns import END, UNKNOWN
    from apps.language_modeling.files import own_text
    from apps.language_modeling.text import tokens_of

    tokenized = in_a_graph(tokens_of, config.tokens, config.token_rules)

    def batches():
        for texts in batches_of_texts(own_text(config, "train"), LINES_AT_ONCE):
            yield tokenized(encoded(texts)).flat_values

    counts = TokenCounts()
    for tokens in batches():
        counts.update(tokens.numpy().tolist())
    kept = counts.most_frequent(
        config.vocabulary_size, config.min_count, without=(UNKNOWN, END)
    )
    vocabulary = Vocabulary([END, *kept])
    return np.concatenate([vocabulary.lookup(tokens).numpy() for tokens in batches()])


def read_by_pieces(config):
    """Counts and encodes a text as training does; returns ids without end tokens."""
    from apps.common.portable.patterns import END
    from apps.language_modeling.data import load_data

    data = load_data(config, ("train",))
    ids = np.array(data.train)
    return ids[ids != data.vocabulary.tokens.index(END)]


def measure(megabytes, rounds):
    """Returns the seconds of both ways, by name: of wall and of processor time.

    Raises:
        ValueError: If the ways return different ids.
    """
    from apps.language_modeling.config import DataConfig

    ways = {GRAPH: read_by_graph, READER: read_by_pieces}
    times = {name: {"wall_s": [], "processor_s": []} for name in ways}
    with tempfile.TemporaryDirectory() as directory:
        write_reviews(directory, megabytes)
        config = DataConfig(dataset="files", file=directory)
        for turn in range(rounds + 1):  # the first one traces the graphs
            ids = {}
            for name, read in ways.items():
                wall, processor = time.perf_counter(), time.process_time()
                ids[name] = read(config)
                if turn:
                    seconds = times[name]
                    seconds["wall_s"].append(time.perf_counter() - wall)
                    seconds["processor_s"].append(time.process_time() - processor)
            if not np.array_equal(ids[GRAPH], ids[READER]):
                raise ValueError("The two ways read different ids. Please report it.")
            print(f"turn {turn} of {rounds}", file=sys.stderr)
    return times


def result_of(megabytes, rounds):
    """Measures both ways; returns the recorded result."""
    rows = {
        name: {key: round(float(np.median(values)), 3) for key, values in row.items()}
        | {"mb_per_s": round(megabytes / float(np.median(row["wall_s"])), 1)}
        for name, row in measure(megabytes, rounds).items()
    }
    return {
        "rows": rows,
        "megabytes": megabytes,
        "rounds": rounds,
        "text": "imdb_reviews, unsupervised",
        **circumstances(NAME, f"--megabytes {megabytes:g} --rounds {rounds}"),
    }


def table(result):
    """Returns the result as a Markdown table."""
    text = f"{result['megabytes']:g} MB of film reviews"
    rows = (
        (
            name,
            f"{row['wall_s']:.1f} s",
            f"{row['processor_s']:.1f} s",
            f"{row['mb_per_s']:.1f} MB/s",
            f"{1000 / row['mb_per_s']:.0f} s",
        )
        for name, row in result["rows"].items()
    )
    header = (text, "time", "processor time", "speed", "1 GB at this speed")
    return f"{markdown_table(header, rows)}\n\nMeasured on {result['hardware']}."


def recorded_table():
    """Returns the Markdown table of the recorded result."""
    return table(json.loads(RESULT.read_text()))


def main(arguments=None):
    """Runs the command line."""
    parser = parser_of(NAME, __doc__, PAGE)
    add = parser.add_argument
    add(
        "--megabytes",
        type=float,
        default=40,
        metavar="N",
        help="size of the text, in million bytes (default: 40)",
    )
    add(
        "--rounds",
        type=int,
        default=3,
        metavar="N",
        help="turns of each way (default: 3)",
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with report_errors():
        result = result_of(options.megabytes, options.rounds)
        print(table(result))
        if options.record:
            record(RESULT, PAGE, result, recorded_table)


if __name__ == "__main__":
    main()
