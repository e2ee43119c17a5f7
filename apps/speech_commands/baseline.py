"""A simple baseline: logistic regression on mean spectra.

It ignores the order of the sounds: its features are the mean and the standard deviation
over time of each band of the log-mel spectrogram.
"""

import numpy as np
from sklearn.preprocessing import StandardScaler

from apps.common.metrics.baseline import fitted_probabilities
from apps.common.metrics.classification import measure
from apps.speech_commands.data import load_data, measured

NAME = "mean spectra, logistic regression"
MAX_CLIPS = 5000  # training clips that it learns from


def measure_baseline(config, test, labels, front_end):
    """Fits the baseline to the training split; measures it on the test split.

    Of more than `MAX_CLIPS` training clips it takes that many; see `Rows.at_most`.

    Args:
        config: A `DataConfig`.
        test: `Clips` of the test split.
        labels: Names of the labels.
        front_end: `LogMel`.

    Returns:
        A dictionary: name, accuracy and f1.
    """
    train = load_data(config, ("train",), labels, MAX_CLIPS).train
    scaler = StandardScaler()
    x = scaler.fit_transform(mean_spectra(train, front_end))
    y = scaler.transform(mean_spectra(test, front_end))
    probabilities = fitted_probabilities(x, train.labels, y, len(labels))
    metrics = measure(test.labels, probabilities, labels)
    return {
        "name": f"{NAME} on {len(train.labels):,} clips",
        "accuracy": metrics["accuracy"],
        "f1": metrics["f1"],
    }


def mean_spectra(clips, front_end, batch_size=256):
    """Returns mean and standard deviation over time, `(clips, 2 * mel_bands)`.

    Noise is added as in `evaluate`.
    """
    rows = []
    for start in range(0, len(clips.labels), batch_size):
        cut = slice(start, start + batch_size)
        x = front_end(measured(clips, cut, clips.snr_db[cut])).numpy()
        rows.append(np.concatenate([x.mean(axis=1), x.std(axis=1)], axis=1))
    return np.concatenate(rows)
