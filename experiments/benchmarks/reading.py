"""Times the reading of a text: by the graph's operations twice, and as training reads.

    python -m experiments.benchmarks.reading --record

The text are film reviews (`imdb_reviews`, the unlabelled ones), one a line. Both ways
count its tokens, choose the vocabulary and encode the text; they take turns and must
return the same ids. A longer text is read faster, since fewer of its words are new.
Then training's way encodes a large text, the reviews again and again, in parts: by one
process, and by one on each core. Run nothing else on the machine meanwhile.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from apps.common.portable.terminal import report_errors
from apps.common.training.processor import available_cores
from experiments.benchmarks.recorded import circumstances, parser_of, record
from experiments.tables import DATA_PAGE, RESULTS, markdown_table

NAME, PAGE = "reading", DATA_PAGE
RESULT = RESULTS / f"{NAME}.json"
GRAPH, READER = "graph operations, two passes", "pieces, one pass"
PARTS, PROCESSES = "pieces, in parts", "pieces, in parts by several processes"
LINES_AT_ONCE = 2048
REVIEWS_MB = 66  # of the unlabelled reviews


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


def write_large(directory, megabytes):
    """Writes a folder as `write_reviews` does: all reviews, until it is large enough.

    A part is smaller than all reviews, so that its words are as new as in other text.
    """
    write_reviews(directory, min(megabytes, REVIEWS_MB))
    path = Path(directory, "train.txt")
    reviews = path.read_bytes()
    with open(path, "ab") as file:
        while file.tell() < 1e6 * megabytes:
            file.write(reviews)


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


def measure_parts(megabytes):
    """Returns the rows of a text in parts, by name: by one process and by several.

    Raises:
        ValueError: If the ways return different ids.
    """
    from apps.language_modeling import corpus
    from apps.language_modeling.config import DataConfig
    from apps.language_modeling.data import load_data

    counts = {PARTS: 1, PROCESSES: max(2, len(available_cores()))}
    rows, ids = {}, {}
    with tempfile.TemporaryDirectory() as directory:
        write_large(directory, megabytes)
        config = DataConfig(dataset="files", file=directory)
        size = Path(directory, "train.txt").stat().st_size / 1e6
        for name, count in counts.items():
            corpora = corpus.Corpora(Path(directory, name), processes=count)
            wall, processor = time.perf_counter(), sum(os.times()[:4])
            ids[name] = load_data(config, ("train",), corpora=corpora).train
            wall_s = time.perf_counter() - wall
            rows[name] = _row(size, wall_s, sum(os.times()[:4]) - processor)
            print(f"{name}: {wall_s:.0f} s", file=sys.stderr)
        if not np.array_equal(ids[PARTS][:], ids[PROCESSES][:]):
            raise ValueError("The processes read different ids. Please report it.")
    return rows


def result_of(megabytes, rounds, large_megabytes):
    """Measures all ways; returns the recorded result."""
    rows = {
        name: _row(megabytes, *(float(np.median(values)) for values in row.values()))
        for name, row in measure(megabytes, rounds).items()
    }
    arguments = (
        f"--megabytes {megabytes:g} --rounds {rounds} "
        f"--large-megabytes {large_megabytes:g}"
    )
    return {
        "rows": rows | measure_parts(large_megabytes),
        "rounds": rounds,
        "text": "imdb_reviews, unsupervised",
        **circumstances(NAME, arguments),
    }


def _row(megabytes, wall_s, processor_s):
    return {
        "megabytes": round(megabytes, 3),
        "wall_s": round(wall_s, 3),
        "processor_s": round(processor_s, 3),
        "mb_per_s": round(megabytes / wall_s, 1),
    }


def table(result):
    """Returns the result as a Markdown table."""
    rows = (
        (
            name,
            f"{row['megabytes']:,.0f} MB",
            f"{row['wall_s']:.1f} s",
            f"{row['processor_s']:.1f} s",
            f"{row['mb_per_s']:.1f} MB/s",
            f"{1000 / row['mb_per_s']:.0f} s",
        )
        for name, row in result["rows"].items()
    )
    header = (
        *("film reviews", "text", "time", "processor time", "speed"),
        "1 GB at this speed",
    )
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
    add(
        "--large-megabytes",
        type=float,
        default=1000,
        metavar="N",
        help="size of the text that is read in parts, in million bytes (default: 1000)",
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with report_errors():
        result = result_of(options.megabytes, options.rounds, options.large_megabytes)
        print(table(result))
        if options.record:
            record(RESULT, PAGE, result, recorded_table)


if __name__ == "__main__":
    main()
