"""Answers questions about raw texts with an ONNX export."""

from typing import NamedTuple

import numpy as np

from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import UNKNOWN
from apps.common.portable.run_files import LABELS, VOCABULARY
from apps.common.portable.tokens import (
    story_sentences,
    tokens_with_offsets,
    valid_utf8,
)
from serving.runtime import app
from serving.specs import Spec

TEXTS = {"context": app.column(), "question": app.column()}
LARGEST_STORIES, LARGEST_PASSAGES = 2**18, 2**24  # some 300 MB of memory
SENTENCE_READER = "sentence_reader"  # its gates are left out


class Read(NamedTuple):
    """Outputs of the graph for a batch of texts, and the tokens that it read."""

    outputs: dict
    contexts: list  # of each row a story's sentences, or a passage's tokens
    offsets: list  # of each row the starts and ends of a passage's tokens
    questions: list  # of each row the question's tokens


class QuestionAnswering(app.Runtime):
    """The signatures `serving_default`, `attention` and `gates`."""

    graphs_needed = ("question_answering",)
    files_needed = (VOCABULARY,)
    settings_needed = ("token_rules", "reads", "sentences", "longest_answer")
    # A story costs its sentences times its longest one, a passage its tokens times
    # those of the question.
    unbounded = frozenset({"serving_default", "attention", "gates"})

    def __init__(self, description, graphs):
        super().__init__(description, graphs)
        self._graph = graphs["question_answering"]
        self._reads_stories = self.settings["reads"] == "stories"
        if self._reads_stories:
            description.require(files=(LABELS,))
            self.check_labels(self._graph)
            self._names = app.texts(self.labels)

    def functions(self):
        """Returns `(inputs, outputs, method)` of each signature by name."""
        answer = {"answer": app.column(), "score": app.column("float32")}
        if not self._reads_stories:
            answer |= {"start": app.column("int32"), "end": app.column("int32")}
        shape = self._graph.outputs["attention"].shape
        attention = {"attention": Spec("float32", shape)}
        layers = app.layers_of(self._graph)
        layers.pop(SENTENCE_READER, None)
        return {
            "serving_default": (TEXTS, answer, self.answer),
            "attention": (TEXTS, attention, self.attention),
            "gates": (TEXTS, app.gate_specs(layers), self.gates),
        }

    def answer(self, context, question):
        """Returns `answer` and `score`, and of a passage `start` and `end`."""
        read = self._read(context, question)
        logits = read.outputs["logits"]
        if self._reads_stories:
            best, p = logits.argmax(axis=-1), app.softmax(logits)
            return {"answer": self._names[best], "score": p.max(axis=-1)}
        longest = self.settings["longest_answer"]
        first, last, score = best_span(app.log_softmax(logits), longest)
        offsets = zip(read.offsets, first, last, strict=True)
        spans = [(row[i][0], row[j][1]) for row, i, j in offsets]
        start, end = np.array(spans, "int32").T
        cut = zip(context, start, end, strict=True)
        return {
            "answer": app.texts([valid_utf8(text)[i:j] for text, i, j in cut]),
            "score": np.exp(score),
            "start": start,
            "end": end,
        }

    def attention(self, context, question):
        """Returns the attention to sentences, or of tokens to the question."""
        read = self._read(context, question)
        attention = read.outputs["attention"]
        if not self._reads_stories:
            for row, tokens in zip(attention, read.contexts, strict=True):
                row[len(tokens) :] = 0
        return {"attention": attention}

    def gates(self, context, question):
        """Returns labels, gates and states of each LSTM but that of the words."""
        read = self._read(context, question, app.YES)
        contexts = read.contexts
        if self._reads_stories:  # an empty story has one empty sentence
            contexts = [[UNKNOWN] if row == [""] else row for row in contexts]
        parts, words = map(app.padded_texts, (contexts, read.questions))
        recorded = app.recorded_in(read.outputs)
        recorded.pop(SENTENCE_READER, None)
        labels = {name: words if "question" in name else parts for name in recorded}
        return app.gate_outputs(recorded, labels)

    def _check_size(self, context_ids, question_ids):
        """Raises ValueError if texts would take memory out of all proportion."""
        size, most = context_ids.size, LARGEST_STORIES
        what = "rows x sentences x words of the longest sentence"
        if not self._reads_stories:
            size, most = size * question_ids.shape[1], LARGEST_PASSAGES
            what = "rows x tokens of the longest context x those of the question"
        if size > most:
            raise ValueError(
                f"context, question: {what}: expected at most {most:,}. Received: "
                f"{size:,}. Send fewer rows or shorter texts."
            )

    def _read(self, context, question, record=app.NO):
        rules, sentences = self.settings["token_rules"], self.settings["sentences"]
        others, offsets = {}, []

        def ids(tokens):
            return self.vocabulary.distinct_ids(tokens, others)

        questions = [_tokens(row, rules) for row in question]
        if self._reads_stories:
            contexts = [story_sentences(row, sentences) for row in context]
            stories = [[ids(_tokens(part, rules)) for part in row] for row in contexts]
            context_ids = _padded_stories(stories)
        else:
            located = [tokens_with_offsets(row, rules) for row in context]
            contexts = [[token for token, *_ in row] for row in located]
            offsets = [[place for _, *place in row] for row in located]
            context_ids = app.padded([ids(row) for row in contexts])
        question_ids = app.padded([ids(row) for row in questions])
        self._check_size(context_ids, question_ids)
        inputs = {"context": context_ids, "question": question_ids, "record": record}
        return Read(self._graph.run(inputs), contexts, offsets, questions)


def _tokens(text, rules):
    return [token for token, *_ in tokens_with_offsets(text, rules)]


def _padded_stories(stories):
    """Returns ids of stories' words, `(batch, sentences, words)`, padded with 0."""
    words = max(len(ids) for story in stories for ids in story)
    array = np.zeros((len(stories), max(map(len, stories)), words), "int32")
    for place, story in zip(array, stories, strict=True):
        for row, ids in zip(place, story, strict=False):
            row[: len(ids)] = ids
    return array


def best_span(log_p, longest):
    """Returns the first and last token of the most probable span, and its score.

    Args:
        log_p: Log-probabilities of the first and the last token, `(batch, 2,
            timesteps)`.
        longest: Maximum number of tokens of a span.
    """
    rows, _, timesteps = log_p.shape
    last = np.pad(log_p[:, 1], ((0, 0), (0, longest)), constant_values=MASKED)
    scores = [
        log_p[:, 0] + last[:, length : length + timesteps] for length in range(longest)
    ]
    flat = np.stack(scores, axis=1).reshape(rows, -1)
    best = flat.argmax(axis=1)
    first = best % timesteps
    return first, first + best // timesteps, flat.max(axis=1)
