"""Measures how misses of a wake word fall with the number of recordings.

    python -m experiments.research.wake_words words DIRECTORY --words computer
    python -m experiments.research.wake_words digits --words seven --speakers jackson

`words` reads a folder of recordings for each word, as in Picovoice's wake-word
benchmark; speakers of training and test may be the same. `digits` takes a digit of Free
Spoken Digit as the word: a model learns from recordings 5 to 49 of one speaker, and is
tested on recordings 0 to 4 of the same speaker and of the five others.

Each point is a training of `python -m experiments.speech_commands wake`, which a second
call does not repeat. Misses are counted in a long recording, at the threshold with
fewest misses among those with at most half a false alarm an hour in hours of sound
without any of the words. Detections in other words are stated apart.
"""

import argparse
import os
from pathlib import Path

from apps.common.portable.terminal import report_errors
from experiments.research.wake_words.report import (
    COMMAND,
    RESULT,
    others_table,
    record,
    table,
)
from experiments.task import RUNS

NUMBERS = (0, 3, 10, 30)


def main(arguments=None):
    """Runs the command line."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with report_errors():
        from apps.common.finished import read_history
        from experiments.research.wake_words import cases, measure

        if options.kind == "words":
            everything = cases.cases_of_words(options.data)
            spoken = [case.word for case in everything]
        else:
            everything = cases.cases_of_digits(options.speakers)
            spoken = list(cases.DIGITS)
        wanted = options.words or spoken
        if unknown := sorted(set(wanted) - set(spoken)):
            raise ValueError(
                f"--words: expected some of {', '.join(spoken)}. "
                f"Received: {unknown[0]!r}."
            )
        points = []
        for case in (case for case in everything if case.word in wanted):
            for count in options.recordings:
                if count > len(case.learnt):
                    raise ValueError(
                        f"--recordings: {case.name} has {len(case.learnt)} to learn "
                        f"from. Received: {count}."
                    )
                run = measure.train(case, count, options.directory)
                seconds = [row["seconds"] for row in read_history(run)]
                point = {
                    "kind": options.kind,
                    **{"case": case.name, "word": case.word, "count": count},
                    **{"hours": options.hours, "train_minutes": sum(seconds) / 60},
                    "misses_at": measure.measure(case, run, options.hours, spoken),
                }
                points.append(point)
                print(f"{case.name}, {count} recordings: {point}", flush=True)
        print(f"\n{table(points)}\n\n{others_table(points)}")
        if options.record:
            record(points)
            print(f"Recorded: {RESULT}")


def _parser():
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    words = kinds.add_parser("words", help="recordings of words by many speakers")
    words.add_argument("data", type=Path, help="a folder with a folder for each word")
    digits = kinds.add_parser("digits", help="digits of Free Spoken Digit")
    digits.add_argument("--speakers", nargs="+", help="who is learnt from (all)")
    for kind in (words, digits):
        kind.add_argument("--words", nargs="+", help="the words (all)")
        kind.add_argument(
            "--recordings",
            type=int,
            nargs="+",
            default=NUMBERS,
            help=f"numbers of recordings ({' '.join(map(str, NUMBERS))})",
        )
        kind.add_argument(
            "--hours", type=float, default=20.0, help="hours of sound (%(default)g)"
        )
        kind.add_argument(
            "--directory",
            type=Path,
            default=RUNS / "wake_words",
            help="run directories go here (%(default)s)",
        )
        kind.add_argument("--record", action="store_true", help=f"write {RESULT.name}")
    return parser


if __name__ == "__main__":
    main()
