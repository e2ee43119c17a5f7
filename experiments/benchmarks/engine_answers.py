"""Reads the test splits for `agreement`, and compares two engines' answers to them."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from apps.common.portable.patterns import PADDING_ID, UNKNOWN_ID
from apps.common.portable.sampling import SETTINGS

BATCH_ROWS = 64
SCORED_ROWS = (
    16  # of the language model, whose logits take the vocabulary's size a token
)
PROMPT_WORDS, TOKENS = 8, 20  # of the continuations
LOWEST = 1e-30  # probability whose logarithm is taken
GREEDY = {"temperature": 0, "top_k": 0, "top_p": 1, "repetition_penalty": 1, "seed": 0}


@dataclass
class Comparison:
    """Counts and compares the answers of two engines.

    Attributes:
        numbers: Name of the output with probabilities or log-probabilities.
        logarithms: Whether they are log-probabilities.
        answer: Name of the output with the answer, or None.
        margin: Function from the predictor, the inputs, both engines' outputs and a row
            to the difference of the scores of the row's two answers.
    """

    numbers: str | None
    answer: str | None = None
    logarithms: bool = False
    margin: Callable | None = None
    examples: int = 0
    probability: float = 0.0
    logits: float = 0.0
    changed: list = field(default_factory=list)

    def add(self, predictor, arrays, outputs, others):
        """Compares the outputs for a batch.

        Raises:
            ValueError: If the engines' outputs differ in names, shapes or types.
        """
        _check(outputs, others)
        rows = len(next(iter(outputs.values())))
        same = np.ones(rows, bool)
        if self.answer:
            same = outputs[self.answer] == others[self.answer]
        for row in np.flatnonzero(~same):
            self.changed.append(
                {
                    "answers": [
                        o[self.answer][row].decode() for o in (outputs, others)
                    ],
                    "margin": float(
                        self.margin(predictor, arrays, outputs, others, row)
                    ),
                }
            )
        self.examples += rows
        if self.numbers:
            pair = outputs[self.numbers], others[self.numbers]
            if pair[0].ndim == 1:  # scores of the answers
                pair = [numbers[same] for numbers in pair]
            if pair[0].size:
                self._add_numbers(*pair)

    def _add_numbers(self, values, others):
        pair = [np.asarray(x, "float64") for x in (values, others)]
        if self.logarithms:
            p, log_p = np.exp(pair), pair
        else:
            p, log_p = pair, np.log(np.maximum(pair, LOWEST))
        relative = np.abs(log_p[0] - log_p[1]) / np.maximum(1, np.abs(log_p[0]))
        self.probability = max(self.probability, float(np.abs(p[0] - p[1]).max()))
        self.logits = max(self.logits, float(relative.max()))

    def figures(self):
        """Returns the figures.

        Returns:
            `examples`; `probability` and `logits`, the largest differences, None if
            there are no numbers; `answers`, the number of answers, 0 if there are none;
            and `changed`, a dictionary for each answer that changes.
        """
        return {
            "examples": self.examples,
            "probability": self.probability if self.numbers else None,
            "logits": self.logits if self.numbers else None,
            "answers": self.examples if self.answer else 0,
            "changed": self.changed,
        }


def _check(outputs, others):
    kinds = [
        {name: (value.shape, value.dtype) for name, value in sorted(each.items())}
        for each in (outputs, others)
    ]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"The engines' outputs differ in shape or type: {kinds[0]} and {kinds[1]}."
        )


class Case(NamedTuple):
    """How an app's answers are compared.

    Attributes:
        name: Name of the comparison.
        signature: Name of the signature that answers.
        batches: Function from a predictor and the maximum number of examples to the
            signature's inputs, batch by batch.
        comparison: Function that returns a new `Comparison`.
    """

    name: str
    signature: str
    batches: Callable
    comparison: Callable


def _in_batches(columns, size=BATCH_ROWS):
    """Yields texts in batches of similar length, the shortest first."""
    columns = {
        name: np.array([text.encode("utf-8", "replace") for text in texts], object)
        for name, texts in columns.items()
    }
    lengths = [len(text) for text in next(iter(columns.values()))]
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield {name: column[rows] for name, column in columns.items()}


def _reviews(predictor, limit):
    from apps.sentiment.data import load_data

    test = load_data(predictor.config.data, ("test",), predictor.labels).test
    texts = [
        text.decode("utf-8", "replace") for text in itertools.islice(test.texts, limit)
    ]
    return _in_batches({"text": texts})


def _questions(predictor, limit):
    from apps.question_answering.data import load_data
    from apps.question_answering.stories import context_of

    test = load_data(predictor.config.data, ("test",), predictor.labels).test[:limit]
    return _in_batches(
        {
            "context": list(map(context_of, test)),
            "question": [example.question for example in test],
        }
    )


def _documents(predictor, limit):
    from apps.summarization.data import load_data

    test = load_data(predictor.config.data, ("test",), predictor.vocabulary).test
    return _in_batches({"document": list(itertools.islice(test.documents, limit))})


def _clips(predictor, limit):
    from apps.speech_commands.data import load_data, measured

    test = load_data(predictor.config.data, ("test",), predictor.labels).test
    count = len(test.labels[:limit])
    for start in range(0, count, BATCH_ROWS):
        cut = slice(start, min(start + BATCH_ROWS, count))
        yield {"waveform": measured(test, cut, test.snr_db[cut]).astype("float32")}


def _test_texts(predictor, limit):
    from apps.language_modeling.data import DATASETS

    data = predictor.config.data
    return list(itertools.islice(DATASETS[data.dataset](data, "test"), limit))


def _texts(predictor, limit):
    return _in_batches({"text": _test_texts(predictor, limit)}, SCORED_ROWS)


def _prompts(predictor, limit):
    texts = _test_texts(predictor, limit)
    prompts = [" ".join(text.split()[:PROMPT_WORDS]) for text in texts]
    for batch in _in_batches({"prompt": list(filter(None, prompts))}):
        rows = len(batch["prompt"])
        settings = {
            name: np.full(rows, GREEDY[name], setting.dtype)
            for name, setting in SETTINGS.items()
        }
        yield {**batch, **settings, "max_tokens": np.full(rows, TOKENS, "int32")}


def _margin_of_labels(predictor, arrays, outputs, others, row):
    """Returns the difference of the two labels' probabilities."""
    p = outputs["probabilities"][row]
    return p.max() - p[others["probabilities"][row].argmax()]


def _margin_of_scores(predictor, arrays, outputs, others, row):
    """Returns the difference of the scores that each engine gives its answer."""
    return abs(outputs["score"][row] - others["score"][row])


def _margin_of_tokens(predictor, arrays, outputs, others, row):
    """Returns the difference of the two best tokens where the continuations part."""
    import keras
    import tensorflow as tf

    from apps.common.layers.state import zero_state
    from apps.language_modeling.text import token_ids

    def ids(text):
        ragged = token_ids(
            tf.constant([text]), predictor.vocabulary, predictor.tokenization
        )
        return ragged.flat_values.numpy().tolist()

    written = [ids(each["text"][row]) for each in (outputs, others)]
    pairs = zip(*written, strict=False)
    shared = [a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)]
    known = [predictor.start, *ids(arrays["prompt"][row]), *shared]
    model = predictor.model
    state = zero_state(model, 1)
    logits, *_ = model([tf.constant([known], "int32"), *state], training=False)
    p = keras.ops.convert_to_numpy(keras.ops.softmax(logits[0, -1]))
    p[[PADDING_ID, UNKNOWN_ID]] = 0
    low, high = np.sort(p)[-2:]
    return high - low


def _answered(numbers, answer, margin, logarithms=False):
    return lambda: Comparison(numbers, answer, logarithms, margin)


ANSWER = "serving_default"
CASES = {
    "language_modeling": [
        Case(
            "scores",
            ANSWER,
            _texts,
            _answered("token_log_probabilities", None, None, True),
        ),
        Case(
            "continuations",
            "generate",
            _prompts,
            _answered(None, "text", _margin_of_tokens),
        ),
    ],
    "question_answering": [
        Case(
            "answers",
            ANSWER,
            _questions,
            _answered("score", "answer", _margin_of_scores),
        ),
    ],
    "sentiment": [
        Case(
            "labels",
            ANSWER,
            _reviews,
            _answered("probabilities", "label", _margin_of_labels),
        ),
    ],
    "speech_commands": [
        Case(
            "labels",
            ANSWER,
            _clips,
            _answered("probabilities", "label", _margin_of_labels),
        ),
    ],
    "summarization": [
        Case(
            "summaries",
            ANSWER,
            _documents,
            _answered("score", "summary", _margin_of_scores, True),
        ),
    ],
}
