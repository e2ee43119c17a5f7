"""Evaluates a Kneser-Ney 5-gram on the split and vocabulary of a finished run.

`evaluate` measures it too, but only once per run.
"""

import argparse
from pathlib import Path

from apps.common.portable.terminal import report_errors


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.research.kneser_ney",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument("run", type=Path, help="run directory of a language model")
    options = parser.parse_args()
    with report_errors():
        import numpy as np

        from apps.language_modeling.baseline import measure_baseline
        from apps.language_modeling.data import load_data
        from apps.language_modeling.predict import Predictor

        predictor = Predictor.load(options.run)
        vocabulary, start = predictor.vocabulary, predictor.start
        config = predictor.config.data
        test = load_data(config, ("test",), vocabulary).test
        name, log_p = measure_baseline(config, test, vocabulary, start)
        print(f"test perplexity: {np.exp(-np.mean(log_p)):.2f} ({name})")


if __name__ == "__main__":
    main()
