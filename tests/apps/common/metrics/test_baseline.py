"""The regression of the baselines, and what a missing training split does."""

import numpy as np
import pytest

from apps.common.metrics.baseline import baseline_or_none, fitted_probabilities


def test_a_label_without_a_training_row_has_probability_0():
    x = np.array([[-1.0], [-2], [1], [2]])
    p = fitted_probabilities(x, [0, 0, 2, 2], np.array([[-3.0], [3]]), 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p[:, 1].tolist() == [0, 0]
    assert p.argmax(axis=1).tolist() == [0, 2]


def test_training_rows_of_one_label_are_refused():
    with pytest.raises(ValueError, match="class"):
        fitted_probabilities(np.eye(3), [1, 1, 1], np.eye(3), 2)


@pytest.mark.parametrize(
    "error",
    [ValueError("data.file: no\nsuch file."), FileNotFoundError(2, "No such file")],
)
def test_a_baseline_that_cannot_be_measured_is_none_and_says_why(error, capsys):
    def measure():
        raise error

    assert baseline_or_none(measure) is None
    printed = capsys.readouterr().err
    assert printed.startswith("Measured without a baseline")
    assert " ".join(str(error).split()) in printed
    assert printed.count("\n") == 1


def test_a_mistake_in_a_baseline_is_an_error():
    with pytest.raises(ZeroDivisionError):
        baseline_or_none(lambda: 1 / 0)
