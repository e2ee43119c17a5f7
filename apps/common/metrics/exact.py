"""Exact 95% confidence intervals of counted events."""

from scipy.special import betaincinv, gammaincinv

LOW, HIGH = 0.025, 0.975


def poisson_interval(events, exposure):
    """Returns the interval of a rate (Garwood 1936), such as of alarms an hour.

    >>> [round(bound, 2) for bound in poisson_interval(0, 1)]
    [0.0, 3.69]
    >>> [round(bound, 2) for bound in poisson_interval(5, 10)]
    [0.16, 1.17]

    Args:
        events: Number of events.
        exposure: Time in which they were counted; the rate is per unit of it.
    """
    low = float(gammaincinv(events, LOW)) if events else 0.0
    return [low / exposure, float(gammaincinv(events + 1, HIGH)) / exposure]


def binomial_interval(events, trials):
    """Returns the interval of a probability (Clopper and Pearson 1934).

    >>> [round(bound, 4) for bound in binomial_interval(0, 10)]
    [0.0, 0.3085]
    >>> [round(bound, 4) for bound in binomial_interval(10, 10)]
    [0.6915, 1.0]

    Args:
        events: Number of trials in which the event came.
        trials: Number of trials.
    """
    low = betaincinv(events, trials - events + 1, LOW) if events else 0.0
    rest = trials - events
    high = betaincinv(events + 1, rest, HIGH) if rest else 1.0
    return [float(low), float(high)]
