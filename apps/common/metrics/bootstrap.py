"""Confidence intervals of metrics, by the bootstrap over test examples."""

import numpy as np

RESAMPLES, SEED = 1000, 0
PERCENTILES = (2.5, 97.5)


def intervals(metrics, examples):
    """Returns the 95% confidence interval of each metric, by the percentile bootstrap.

    Each resample draws as many examples as there are, with replacement. The interval is
    the range of the middle 95% of the resamples' metrics. It covers the choice of the
    test examples, not that of the training's seed. Source: Efron and Tibshirani 1993,
    "An Introduction to the Bootstrap", chapter 13.

    Args:
        metrics: A function from the indices of examples, `(examples,)`, to a dictionary
            of their metrics.
        examples: Number of test examples.

    Returns:
        `[lowest, highest]` by name; an empty dictionary for less than two examples.
    """
    if examples < 2:
        return {}
    rng = np.random.default_rng(SEED)
    resamples = [
        metrics(rng.integers(examples, size=examples)) for _ in range(RESAMPLES)
    ]
    return {
        name: np.percentile([row[name] for row in resamples], PERCENTILES).tolist()
        for name in resamples[0]
    }


def mean_intervals(scores):
    """Returns the 95% confidence interval of each mean score; see `intervals`.

    Args:
        scores: Arrays with a score for each example, by name; all of one length.
    """
    columns = {name: np.asarray(column, float) for name, column in scores.items()}
    return intervals(
        lambda index: {name: column[index].mean() for name, column in columns.items()},
        len(next(iter(columns.values()))),
    )
