"""Simple baselines that ignore the order of words."""

import re
from dataclasses import replace

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer

from apps.common.data.splits import random_rows
from apps.common.metrics.baseline import fitted_probabilities
from apps.common.portable.scripts import STOPS
from apps.question_answering.scores import normalized
from apps.question_answering.sources import DATASETS

STORIES, PASSAGES = "bag of words, logistic regression", "sentence with shared words"
MAX_STORIES = 5000  # training stories that it learns from
WORDS = r"\w+"  # one letter is a word, unlike scikit-learn's default
SENTENCE_END = re.compile(rf"(?<=[{STOPS[:3]}])\s+|(?<=[{STOPS[3:]}])|\n+")


def training_stories(config):
    """Reads the stories that the baseline learns from, at most `MAX_STORIES`.

    Of a larger training split they are drawn at random; of generated stories they are
    the first.

    Args:
        config: A `DataConfig`.
    """
    config = replace(config, stories=min(config.stories, MAX_STORIES))
    stories = DATASETS[config.dataset](config, "train")
    return [stories[row] for row in random_rows(len(stories), MAX_STORIES)]


def story_answers(train, test):
    """Answers stories by logistic regression on the words of story and question.

    Args:
        train: Training stories, a list of `Story`.
        test: Test stories, a list of `Story`.

    Returns:
        The answer to each test story, a list.
    """
    answers, targets = np.unique([s.answer for s in train], return_inverse=True)
    bags = ColumnTransformer(
        [
            (name, CountVectorizer(preprocessor=normalized, token_pattern=WORDS), n)
            for n, name in enumerate(("story", "question"))
        ]
    )
    x, y = bags.fit_transform(_columns(train)), bags.transform(_columns(test))
    probabilities = fitted_probabilities(x, targets, y, len(answers), C=0.3)
    return answers[probabilities.argmax(axis=1)].tolist()


def _columns(stories):
    """Returns the texts of stories and questions, `(stories, 2)`."""
    return np.array([[" ".join(s.sentences), s.question] for s in stories], object)


def passage_answers(passages):
    """Answers with the sentence of the passage that shares most with the question.

    A shared word counts the more, the rarer it is in the passage, as in the sliding
    window of Richardson et al. 2013, "MCTest".

    Args:
        passages: A list of `Passage`.

    Returns:
        The answer to each question, a list.
    """
    return [_sentence(passage.context, passage.question) for passage in passages]


def _sentence(context, question):
    words, asked = normalized(context).split(), set(normalized(question).split())
    weights = {word: np.log(1 + 1 / words.count(word)) for word in asked & set(words)}
    sentences = [s for s in SENTENCE_END.split(context) if s.strip()] or [""]

    def shared(sentence):
        own = set(normalized(sentence).split())
        return sum(weight for word, weight in weights.items() if word in own)

    return max(sentences, key=shared).strip()
