"""Evaluates a logistic regression on bags of words, on the stories of a finished run.

The baseline ignores the order of the words in a story and in its question. A model that
uses the order must be better.
"""

import argparse
from pathlib import Path

from apps.common.portable.terminal import report_errors


def accuracy(train, test):
    """Returns the accuracy on `test` of a regression fitted to `train`.

    Args:
        train: Training stories, a list of `Story`.
        test: Test stories, a list of `Story`.
    """
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    columns = [
        [[" ".join(s.sentences) for s in stories], [s.question for s in stories]]
        for stories in (train, test)
    ]
    fitted = [CountVectorizer().fit(texts) for texts in columns[0]]
    bags = [
        hstack([v.transform(texts) for v, texts in zip(fitted, column, strict=True)])
        for column in columns
    ]
    model = LogisticRegression(C=0.3, max_iter=1000)
    model.fit(bags[0], [story.answer for story in train])
    return float(model.score(bags[1], [story.answer for story in test]))


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.research.bag_of_words",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument(
        "run", type=Path, help="run directory of question answering on stories"
    )
    options = parser.parse_args()
    with report_errors():
        from apps.question_answering.data import load_data
        from apps.question_answering.predict import Predictor

        predictor = Predictor.load(options.run)
        if not predictor.labels:
            raise ValueError(
                f"{options.run}: trained on passages. Give a run that was trained on "
                "stories."
            )
        data = load_data(predictor.config.data, ("train", "test"), predictor.labels)
        print(f"test accuracy: {accuracy(data.train, data.test):.3f}")


if __name__ == "__main__":
    main()
