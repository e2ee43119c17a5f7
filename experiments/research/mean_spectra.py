"""Evaluates a logistic regression on mean spectra, on the clips of a finished run.

The baseline ignores the order of the sounds: its features are the mean and the standard
deviation over time of each band of the log-mel spectrogram.
"""

import argparse
from pathlib import Path

import numpy as np

from apps.common.portable.terminal import report_errors


def spectra(clips, front_end, batch_size=256):
    """Returns mean and standard deviation over time, `(clips, 2 * mel_bands)`.

    Noise is added as in `evaluate`.
    """
    from apps.speech_commands.data import measured

    rows = []
    for start in range(0, len(clips.labels), batch_size):
        cut = slice(start, start + batch_size)
        x = front_end(measured(clips, cut, clips.snr_db[cut])).numpy()
        rows.append(np.concatenate([x.mean(axis=1), x.std(axis=1)], axis=1))
    return np.concatenate(rows)


def accuracy(train, test, front_end):
    """Returns the accuracy on `test` of a regression fitted to `train`."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(spectra(train, front_end), train.labels)
    return float(model.score(spectra(test, front_end), test.labels))


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.research.mean_spectra",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument("run", type=Path, help="run directory of speech commands")
    options = parser.parse_args()
    with report_errors():
        from apps.speech_commands.data import load_data
        from apps.speech_commands.predict import Predictor

        predictor = Predictor.load(options.run)
        data = load_data(predictor.config.data, ("train", "test"), predictor.labels)
        score = accuracy(data.train, data.test, predictor.front_end)
        print(f"test accuracy: {score:.3f}")


if __name__ == "__main__":
    main()
