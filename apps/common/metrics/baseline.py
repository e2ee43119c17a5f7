"""Simple baselines that `evaluate` measures on the test split beside a model."""

import sys
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

ITERATIONS = 200  # on a few thousand rows, about where accuracy stops rising


def baseline_or_none(measure):
    """Returns a baseline's name and metrics; None if its data cannot be read.

    Then a line on standard error gives the reason.

    Args:
        measure: A function that reads the training split and returns a dictionary: the
            baseline's `name`, and its metrics by the names that the model's have.
    """
    try:
        return measure()
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        print(
            f"Measured without a baseline, which needs the training split: {reason} "
            "To have one, mend that, delete metrics.json and evaluate again.",
            file=sys.stderr,
        )
        return None


def fitted_probabilities(train, targets, test, num_classes, **settings):
    """Fits a logistic regression; returns the probabilities of the test rows.

    It takes at most `ITERATIONS` steps.

    Args:
        train: Features of the training rows, `(rows, features)`, dense or sparse.
        targets: Label ids of the training rows, `(rows,)`.
        test: Features of the test rows.
        num_classes: Number of labels.
        **settings: Settings of scikit-learn's `LogisticRegression`.

    Returns:
        Probabilities, `(test rows, num_classes)`; 0 for a label without a training row.

    Raises:
        ValueError: If the training rows have only one label.
    """
    # The products are small. Several threads that wait for a busy core take many times
    # as long as one.
    with (
        threadpool_limits(1),
        warnings.catch_warnings(),
    ):  # a baseline need not converge
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(max_iter=ITERATIONS, **settings)
        model.fit(train, targets)
    probabilities = np.zeros((test.shape[0], num_classes))
    probabilities[:, model.classes_] = model.predict_proba(test)
    return probabilities
