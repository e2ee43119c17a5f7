"""Answers for raw texts: a finished run, and what a served model offers."""

from typing import NamedTuple

import tensorflow as tf

import apps.question_answering.model  # noqa: F401  registers what load_model needs
from apps.common.data.labels import load_labels
from apps.common.data.text import UNKNOWN, encoded
from apps.common.explain.traces import gate_outputs
from apps.common.layers.masking import MASKED
from apps.common.portable.run_files import LABELS
from apps.common.predictor import Predictor as Base
from apps.common.predictor import answer_all, part
from apps.question_answering.config import PASSAGES, Config
from apps.question_answering.data import story_ids, text_ids
from apps.question_answering.tokens import cut
from lstm_layer.gates import record_gates

BATCH_SIZE = 64
LONGEST_ANSWER = 15  # tokens, as in DrQA (Chen et al. 2017)
SEPARATOR = "|||"
TEXTS = [
    tf.TensorSpec([None], "string", name="context"),
    tf.TensorSpec([None], "string", name="question"),
]


class Read(NamedTuple):
    """What the model says of texts, and how it sees them."""

    logits: tf.Tensor  # float32
    attention: tf.Tensor
    places: list  # of a passage's tokens: where they start and end, `(batch, tokens)`
    asked: tf.RaggedTensor  # the question's tokens
    shown: tf.RaggedTensor  # a story's sentences, or a passage's tokens


class Predictor(Base):
    """A finished run that answers questions about stories or about passages."""

    name, config_class = "question_answering", Config

    @part
    def labels(self):
        """The answers of a reader of stories; a reader of passages has none."""
        passages = self.config.data.dataset in PASSAGES
        return [] if passages else load_labels(self.directory / LABELS)

    @part
    def answer(self):
        """Takes `context` and `question`, strings `(batch,)`.

        Returns `answer`, strings, and `score`, its probability, float32, both
        `(batch,)`; for passages also `start` and `end`, int32 `(batch,)`, in Unicode
        characters.
        """
        names = tf.constant(self.labels)

        @tf.function(autograph=False, input_signature=TEXTS)
        def answer(context, question):
            context = tf.strings.unicode_transcode(
                context, "UTF-8", "UTF-8", errors="replace"
            )  # as its tokens are counted
            found = self._read(context, question)
            if self.labels:
                p = tf.nn.softmax(found.logits)
                best = tf.argmax(p, axis=-1)
                return {
                    "answer": tf.gather(names, best),
                    "score": tf.reduce_max(p, axis=-1),
                }
            first, last, score = best_span(tf.nn.log_softmax(found.logits))
            starts, ends = (place.to_tensor() for place in found.places)
            start = tf.gather(starts, first, batch_dims=1)
            end = tf.gather(ends, last, batch_dims=1)
            return {
                "answer": cut(context, start, end),
                "score": tf.exp(score),
                "start": start,
                "end": end,
            }

        return answer

    @part
    def attention(self):
        """Takes what `answer` takes; shows what an answer rests on.

        Returns `attention`: for stories each hop's weights over the sentences, `(batch,
        hops, sentences)`; for passages each token's over the words of the question,
        `(batch, timesteps, steps)`.
        """

        @tf.function(autograph=False, input_signature=TEXTS)
        def attention(context, question):
            return {"attention": self._read(context, question).attention}

        return attention

    @part
    def gates(self):
        """Takes what `answer` takes; returns what `gate_outputs` says.

        Of stories over the sentences, of passages over the tokens, and of what reads
        the question over its words. The reader of a sentence's words begins anew with
        each sentence and is left out.
        """

        @tf.function(autograph=False, input_signature=TEXTS)
        def gates(context, question):
            said, found = record_gates(lambda: self._read(context, question))
            asked, shown = said.asked.to_tensor(), said.shown.to_tensor()
            if self.labels:  # a story without a sentence has an empty one
                blank = (shown == "") & (tf.range(tf.shape(shown)[1]) == 0)
                shown = tf.where(blank, UNKNOWN, shown)
            found.pop("sentence_reader", None)
            return gate_outputs(
                found, {name: asked if "question" in name else shown for name in found}
            )

        return gates

    def _read(self, context, question):
        """Returns a `Read`."""
        vocabulary, places = self.vocabulary, []
        question_ids, asked, *_ = text_ids(question, vocabulary)
        if self.labels:
            ids, shown = story_ids(context, vocabulary, self.config.data.sentences)
        else:
            ids, shown, *places = text_ids(context, vocabulary)
        inputs = {"context": ids.to_tensor(), "question": question_ids.to_tensor()}
        logits, attention = self.model(inputs, training=False)
        return Read(tf.cast(logits, "float32"), attention, places, asked, shown)

    def signatures(self):
        """Returns what a served model offers, each a `tf.function`, by name."""
        return {**super().signatures(), "attention": self.attention}

    def predict(self, lines):
        """Returns a dictionary with `context`, `question`, `answer` and more for each.

        Args:
            lines: Strings, each a context and a question with `|||` between them.

        Raises:
            ValueError: If a line has not both.
        """
        answers = []
        for line in lines:
            context, mark, question = line.rpartition(SEPARATOR)
            if not mark:
                raise ValueError(
                    f'Expected "context {SEPARATOR} question". Received: {line[:80]!r}.'
                )
            context, question = context.strip(), question.strip()
            found = self.answer(encoded([context]), encoded([question]))
            row = {name: value.numpy().tolist()[0] for name, value in found.items()}
            row["answer"] = row["answer"].decode()
            answers.append({"context": context, "question": question, **row})
        return answers

    def answer_all(self, contexts, questions):
        """Returns what `answer` gives for each question, without a batch."""
        return answer_all(
            self.answer, contexts, questions, batch_size=BATCH_SIZE, unit="question"
        )


def best_span(log_p):
    """Returns the first and the last token of the most probable answer, and its score.

    Args:
        log_p: Log-probabilities of the first and the last token, `(batch, 2,
            timesteps)`.
    """
    timesteps = tf.shape(log_p)[2]
    last = tf.pad(log_p[:, 1], [[0, 0], [0, LONGEST_ANSWER]], constant_values=MASKED)
    scores = tf.stack(
        [
            log_p[:, 0] + last[:, length : length + timesteps]
            for length in range(LONGEST_ANSWER)
        ],
        axis=1,
    )  # (batch, length - 1, timesteps)
    flat = tf.reshape(scores, [-1, LONGEST_ANSWER * timesteps])
    best = tf.argmax(flat, axis=1, output_type="int32")
    first = best % timesteps
    return first, first + best // timesteps, tf.reduce_max(flat, axis=1)
