"""Evaluates a logistic regression on bags of words, on the stories of a finished run.

The baseline ignores the order of the words in a story and in its question. A model that
uses the order must be better. `evaluate` measures it too, but only once per run.
"""

import argparse
from pathlib import Path

from apps.common.portable.terminal import report_errors


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
        from apps.question_answering.baseline import story_answers, training_stories
        from apps.question_answering.data import load_data
        from apps.question_answering.predict import Predictor
        from apps.question_answering.scores import story_scores

        predictor = Predictor.load(options.run)
        config, labels = predictor.config.data, predictor.labels
        if not labels:
            raise ValueError(
                f"{options.run}: trained on passages. Give a run that was trained on "
                "stories."
            )
        test = load_data(config, ("test",), labels).test
        answers = story_answers(training_stories(config), test)
        print(f"test accuracy: {story_scores(test, answers, labels)['accuracy']:.3f}")


if __name__ == "__main__":
    main()
