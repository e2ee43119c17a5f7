"""ROUGE of a finished summarizer on its validation split, for settings of the search.

The test split is read once, by `evaluate`; the settings of the search are chosen here.
"""

import argparse
from pathlib import Path

from apps.common.terminal import clear_errors


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.validation_rouge",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument("run", type=Path, help="run directory of a summarizer")
    parser.add_argument(
        "settings", nargs="*", help="decode.key=value, such as decode.beam=8"
    )
    options = parser.parse_args()
    with clear_errors():
        from apps.common.config import load_config
        from apps.common.runs import CONFIG
        from apps.summarization.config import Config
        from apps.summarization.data import load_data
        from apps.summarization.evaluate import attending, load_run, summarize
        from apps.summarization.scores import rouge

        _, model, vocabulary = load_run(options.run)
        config = load_config(Config, options.run / CONFIG, options.settings)
        pairs = load_data(config.data, ("validation",), vocabulary).validation
        rows = summarize(attending(model, vocabulary, config), pairs.documents)
        found = rouge(pairs.summaries, [row["summary"].decode() for row in rows])
        print(", ".join(f"{name} {value:.4f}" for name, value in found.items()))


if __name__ == "__main__":
    main()
