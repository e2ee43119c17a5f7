"""Bootstrap intervals: of constant scores, of a share, and of too few examples."""

import numpy as np
import pytest

from apps.common.metrics.bootstrap import intervals, mean_intervals


def test_the_interval_of_constant_scores_is_a_point():
    found = mean_intervals({"f1": [0.25] * 9, "exact_match": [1.0] * 9})
    assert found == {"f1": [0.25, 0.25], "exact_match": [1.0, 1.0]}


@pytest.mark.parametrize(("right", "examples"), [(200, 400), (90, 100)])
def test_the_interval_of_a_share_is_that_of_the_normal_distribution(right, examples):
    scores = np.arange(examples) < right
    share = right / examples
    reach = 1.96 * np.sqrt(share * (1 - share) / examples)
    low, high = mean_intervals({"accuracy": scores})["accuracy"]
    assert low == pytest.approx(share - reach, abs=0.1 * reach)
    assert high == pytest.approx(share + reach, abs=0.1 * reach)


def test_metrics_of_one_resample_share_its_examples():
    drawn = []
    scores = np.arange(5.0)

    def metrics(index):
        drawn.append(index)
        return {"mean": scores[index].mean(), "turned": -scores[index].mean()}

    found = intervals(metrics, 5)
    assert found["turned"] == [-bound for bound in reversed(found["mean"])]
    assert {len(index) for index in drawn} == {5}
    assert len(drawn) == 1000
    assert found == intervals(metrics, 5)


@pytest.mark.parametrize("scores", [[], [1.0]])
def test_less_than_two_examples_have_no_interval(scores):
    assert mean_intervals({"accuracy": scores}) == {}
