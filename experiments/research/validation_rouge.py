"""Measures ROUGE on the validation split of a finished run, for settings of the search.

Choose the settings of the search with it: only `evaluate` reads the test split.
"""

import argparse
from pathlib import Path

from apps.common.portable.terminal import report_errors


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.research.validation_rouge",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument("run", type=Path, help="run directory of a summarization model")
    parser.add_argument(
        "settings", nargs="*", help="decode.key=value, such as decode.beam=8"
    )
    options = parser.parse_args()
    with report_errors():
        from apps.common.config import load_run_config
        from apps.common.portable.run_files import CONFIG
        from apps.summarization.data import load_data
        from apps.summarization.predict import Predictor
        from apps.summarization.scores import rouge

        predictor = Predictor.load(options.run)
        predictor.config = load_run_config(
            Predictor.config_class, options.run / CONFIG, options.settings
        )
        data = load_data(predictor.config.data, ("validation",), predictor.vocabulary)
        pairs = data.validation
        rows = predictor.attend_all(pairs.documents)
        scores = rouge(pairs.summaries, [row["summary"].decode() for row in rows])
        print(", ".join(f"{name} {value:.4f}" for name, value in scores.items()))


if __name__ == "__main__":
    main()
