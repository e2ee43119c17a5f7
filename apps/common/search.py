"""What `tune` searches: ranges and choices of settings, and the metric it compares."""

from dataclasses import dataclass

# Fields of a `Job`: the metric of early stopping, the best weights and `tune`.
ACCURACY = {"monitor": "val_accuracy", "mode": "max"}
LOSS = {"monitor": "val_loss", "mode": "min"}
DIGITS = 3  # significant digits of a number that `tune` tries


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: Lowest number.
        high: Highest number.
        log: Whether to draw the number's logarithm evenly, instead of the number.
    """

    low: float
    high: float
    log: bool = False

    def including(self, value):
        """Returns this range, widened as far as it needs to contain a value."""
        return Range(min(self.low, value), max(self.high, value), self.log)

    def suggest(self, trial, name):
        """Returns what an Optuna `Trial` suggests, rounded to `DIGITS`."""
        value = trial.suggest_float(name, self.low, self.high, log=self.log)
        return float(f"{value:.{DIGITS}g}")

    def __str__(self):
        """Returns the range in words."""
        return f"{self.low:g} to {self.high:g}{' (logarithmic)' if self.log else ''}"


@dataclass(frozen=True)
class Choices:
    """Some values of a setting.

    Attributes:
        values: The values.
    """

    values: tuple

    def including(self, value):
        """Returns these choices, with one more if they lack a value."""
        return self if value in self.values else Choices((*self.values, value))

    def suggest(self, trial, name):
        """Returns what an Optuna `Trial` suggests."""
        return trial.suggest_categorical(name, self.values)

    def __str__(self):
        """Returns the values as text."""
        return ", ".join(map(str, self.values))


def sizes_around(size):
    """Returns half, three quarters, one and a half and two times a size, and itself.

    >>> print(sizes_around(64))
    32, 48, 64, 96, 128
    """
    sizes = (size // 2, size * 3 // 4, size, size * 3 // 2, size * 2)
    return Choices(tuple(sorted(set(sizes) - {0})))


def training_space(settings):
    """Returns the search space that the apps' `TrainConfig`s share.

    The number of epochs is not searched, since trials are compared after each; early
    stopping and the kept best weights shorten a training.

    Args:
        settings: The recipe's `TrainConfig`.

    Returns:
        A dictionary from `section.key` to a `Range` or `Choices`.
    """
    rate, batch = settings.learning_rate, settings.batch_size
    return {
        "train.learning_rate": Range(rate / 4, rate * 4, log=True),
        "train.batch_size": Choices(
            tuple(sorted({max(1, batch // 2), batch, batch * 2}))
        ),
        "train.weight_decay": Choices((0.0, 0.01, 0.05, 0.2)),
        "train.average_momentum": Choices((0.98, 0.99, 0.995, 0.998)),
    }
