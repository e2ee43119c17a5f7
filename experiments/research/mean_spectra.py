"""Evaluates a logistic regression on mean spectra, on the clips of a finished run.

The baseline ignores the order of the sounds: its features are the mean and the standard
deviation over time of each band of the log-mel spectrogram. `evaluate` measures it too,
but only once per run.
"""

import argparse
from pathlib import Path

from apps.common.portable.terminal import report_errors


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.research.mean_spectra",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument("run", type=Path, help="run directory of speech commands")
    options = parser.parse_args()
    with report_errors():
        from apps.speech_commands.baseline import measure_baseline
        from apps.speech_commands.data import load_data
        from apps.speech_commands.predict import Predictor

        predictor = Predictor.load(options.run)
        config, labels = predictor.config.data, predictor.labels
        test = load_data(config, ("test",), labels).test
        baseline = measure_baseline(config, test, labels, predictor.front_end)
        print(f"test accuracy: {baseline['accuracy']:.3f} ({baseline['name']})")


if __name__ == "__main__":
    main()
