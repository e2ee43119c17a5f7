"""Tasks with long-term dependencies: their sequences, targets and chance levels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

KINDS = {
    "rnn": "simple RNN",
    "gru": "GRU",
    "lstm": "LSTM",
    "chrono": "LSTM, chrono",
}
SYMBOLS, COPIED = 8, 10  # of the copying task: distinct symbols, symbols per sequence
LANGUAGES = {
    "France": "French",
    "Spain": "Spanish",
    "Germany": "German",
    "Italy": "Italian",
    "Russia": "Russian",
    "Japan": "Japanese",
    "Turkey": "Turkish",
    "Greece": "Greek",
}
CLAUSES = (
    "I like playing football with my friends",
    "I like going to the school",
    "my sister plays the piano",
    "on Sunday we see our friends",
    "the school is near the river",
    "my father likes cooking",
    "we play in the garden",
    "in summer the days are long",
)


@dataclass(frozen=True)
class Task:
    """A task whose sequences have a gap of any length.

    Attributes:
        title: Name for tables and plots.
        source: Paper that the task is from.
        make: `make(rng, count, gap)` returns inputs and targets, arrays with `count`
            rows. Inputs are numbers `(count, timesteps, features)` or token ids
            `(count, timesteps)`. Targets are a number `(count, 1)`, a class `(count,)`,
            or classes of the last timesteps `(count, outputs)`.
        tokens: Number of token ids; 0 for numbers.
        classes: Number of classes; 0 for a number, scored by its squared error.
        solved: Minimum accuracy, or maximum error, of a solved task.
        chance: Score of a network without memory.
        gaps: The gaps of the grid.
    """

    title: str
    source: str
    make: Callable
    tokens: int
    classes: int
    solved: float
    chance: float
    gaps: tuple

    def is_solved(self, score):
        """Returns whether a score counts as solved."""
        return score >= self.solved if self.classes else score <= self.solved


def adding(rng, count, gap):
    """Adds the two marked numbers of a sequence.

    One is in the first half, one in the second; a constant guess has an error of 1/6.
    """
    x = np.zeros((count, gap, 2), "float32")
    x[..., 0] = rng.random((count, gap))
    half = gap // 2
    first, second = rng.integers(0, half, count), rng.integers(half, gap, count)
    rows = np.arange(count)
    x[rows, first, 1] = x[rows, second, 1] = 1
    return x, x[rows, first, :1] + x[rows, second, :1]


def copying(rng, count, gap):
    """Recalls ten symbols after a gap of blanks and a sign that ends the gap."""
    blank, sign = SYMBOLS, SYMBOLS + 1
    symbols = rng.integers(0, SYMBOLS, (count, COPIED))
    token_ids = np.full((count, gap + 2 * COPIED), blank, "int32")
    token_ids[:, :COPIED] = symbols
    token_ids[:, -COPIED - 1] = sign
    return token_ids, symbols.astype("int32")


def temporal_order(rng, count, gap):
    """Classifies the order of two symbols, each an X or a Y, among noise.

    The second is about `gap` timesteps before the end, the first about `gap` timesteps
    before the second.
    """
    jitter = max(2, gap // 10)
    token_ids = rng.integers(2, 6, (count, 2 * gap + 2 * jitter)).astype("int32")
    token_ids[:, 0], token_ids[:, -1] = 6, 7  # start and end
    rows = np.arange(count)
    first, second = rng.integers(0, 2, (2, count))
    token_ids[rows, rng.integers(1, 1 + jitter, count)] = first
    token_ids[rows, gap + rng.integers(0, jitter, count)] = second
    return token_ids, (2 * first + second).astype("int32")


def agreement(rng, count, gap):
    """Completes "I live in France, ... I speak" with a language, `gap` words later."""
    words = agreement_words()
    ids = {word: index for index, word in enumerate(words)}
    clauses = [[ids[word] for word in (*c.split(), ",")] for c in CLAUSES]
    start = [ids[word] for word in ("I", "live", "in")]
    end = [ids[word] for word in ("I", "speak")]
    countries = np.array([ids[country] for country in LANGUAGES])
    asked = rng.integers(0, len(LANGUAGES), count)
    token_ids = np.zeros((count, len(start) + 1 + gap), "int32")
    for row, country in zip(token_ids, countries[asked], strict=True):
        noise = [ids[","]]
        while len(noise) < gap - len(end):
            noise += clauses[rng.integers(len(clauses))]
        row[:] = [*start, country, *noise[len(end) - gap :], *end]
    return token_ids, asked.astype("int32")


def agreement_words():
    """Returns the words of the sentences about countries, in the order of their ids."""
    sentences = ("I live in , I speak", *LANGUAGES, *CLAUSES)
    return sorted({word for sentence in sentences for word in sentence.split()})


TASKS = {
    "agreement": Task(
        title="agreement at a distance",
        source="the tutorial's sentence about France",
        make=agreement,
        tokens=len(agreement_words()),
        classes=len(LANGUAGES),
        solved=0.99,
        chance=1 / len(LANGUAGES),
        gaps=(20, 50, 200),
    ),
    "temporal_order": Task(
        title="temporal order",
        source="Hochreiter and Schmidhuber 1997, task 6a",
        make=temporal_order,
        tokens=8,
        classes=4,
        solved=0.99,
        chance=1 / 4,
        gaps=(20, 50, 200),
    ),
    "copying": Task(
        title="copying",
        source="Hochreiter and Schmidhuber 1997; as in Arjovsky et al. 2016",
        make=copying,
        tokens=SYMBOLS + 2,
        classes=SYMBOLS,
        solved=0.99,
        chance=1 / SYMBOLS,
        gaps=(20, 50, 200),
    ),
    "adding": Task(
        title="adding",
        source="Hochreiter and Schmidhuber 1997, task 4",
        make=adding,
        tokens=0,
        classes=0,
        solved=0.01,
        chance=1 / 6,
        gaps=(100, 300, 500),
    ),
}
