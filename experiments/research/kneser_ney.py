"""Evaluates a Kneser-Ney 5-gram on the split and vocabulary of a finished run."""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from apps.common.portable.terminal import report_errors

ORDER = 5


class KneserNey:
    """Interpolated Kneser-Ney smoothing (Chen and Goodman 1999, with one discount).

    Args:
        ids: Token ids of the training text.
        order: Length of the longest n-gram.
        vocabulary_size: Number of tokens that can occur.
    """

    def __init__(self, ids, order, vocabulary_size):
        self.vocabulary_size = vocabulary_size
        ids = [int(i) for i in ids]
        counts = Counter(zip(*(ids[n:] for n in range(order)), strict=False))
        self.levels = []
        for n in range(order, 0, -1):
            if n < order:  # counts the contexts of a shorter n-gram
                counts = Counter(gram[1:] for gram in counts)
            of_counts = Counter(counts.values())
            discount = of_counts[1] / max(of_counts[1] + 2 * of_counts[2], 1)
            totals, types = Counter(), Counter()
            for gram, count in counts.items():
                totals[gram[:-1]] += count
                types[gram[:-1]] += 1
            self.levels.insert(0, (counts, discount, totals, types))

    def probability(self, context, token):
        """Returns the probability of a token after a tuple of tokens."""
        p = 1 / self.vocabulary_size
        for n, (counts, discount, totals, types) in enumerate(self.levels):
            before = context[len(context) - n :] if n <= len(context) else None
            if before is None or before not in totals:
                break
            kept = max(counts[(*before, token)] - discount, 0)
            p = (kept + discount * types[before] * p) / totals[before]
        return p

    def perplexity(self, ids, start):
        """Returns the perplexity of a text that begins after the token `start`."""
        ids = [start, *(int(i) for i in ids)]
        reach = len(self.levels) - 1
        total = sum(
            np.log(self.probability(tuple(ids[max(0, t - reach) : t]), ids[t]))
            for t in range(1, len(ids))
        )
        return float(np.exp(-total / (len(ids) - 1)))


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.research.kneser_ney", description=__doc__
    )
    parser.add_argument("run", type=Path, help="run directory of a language model")
    options = parser.parse_args()
    with report_errors():
        from apps.language_modeling.data import load_data
        from apps.language_modeling.predict import Predictor

        predictor = Predictor.load(options.run)
        vocabulary, start = predictor.vocabulary, predictor.start
        data = load_data(predictor.config.data, ("train", "test"), vocabulary)
        model = KneserNey(data.train, ORDER, len(vocabulary) - 1)  # no padding
        print(f"test perplexity: {model.perplexity(data.test, start):.2f}")


if __name__ == "__main__":
    main()
