"""Answers questions with a finished run; makes the served signatures."""

from typing import NamedTuple

import tensorflow as tf

import apps.question_answering.model  # noqa: F401  registers what load_model needs
from apps.common.answers import answer_all
from apps.common.data.text import valid_utf8
from apps.common.explain.traces import gate_outputs
from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import UNKNOWN
from apps.common.predictor import Predictor as Base
from apps.common.predictor import part
from apps.question_answering.answers import BATCH_SIZE, Answers
from apps.question_answering.data import story_ids, text_ids
from apps.question_answering.tokens import cut
from lstm_layer.gates import record_gates

LONGEST_ANSWER = 15  # tokens, as in DrQA (Chen et al. 2017)
TEXTS = [
    tf.TensorSpec([None], "string", name="context"),
    tf.TensorSpec([None], "string", name="question"),
]


class Read(NamedTuple):
    """Outputs of the model for a batch of texts, and the tokens that it read."""

    logits: tf.Tensor  # float32
    attention: tf.Tensor
    offsets: list  # starts and ends of a passage's tokens, ragged `(batch, tokens)`
    question_tokens: tf.RaggedTensor
    context_parts: tf.RaggedTensor  # a story's sentences, or a passage's tokens


class Predictor(Answers, Base):
    """Answers questions about stories or passages with the model of a finished run."""

    @part
    def answer(self):
        """Answers `question` about `context`, both strings `(batch,)`.

        Returns `answer`, strings, and its probability `score`, float32, both
        `(batch,)`. For passages it also returns the answer's `start` and `end` in
        Unicode characters, int32 `(batch,)`.
        """
        names = tf.constant(self.labels)

        @tf.function(autograph=False, input_signature=TEXTS)
        def answer(context, question):
            context = valid_utf8(context)  # as in `located_tokens`
            read = self._read(context, question)
            if self.labels:
                p = tf.nn.softmax(read.logits)
                best = tf.argmax(p, axis=-1)
                return {
                    "answer": tf.gather(names, best),
                    "score": tf.reduce_max(p, axis=-1),
                }
            first, last, score = best_span(tf.nn.log_softmax(read.logits))
            starts, ends = (offsets.to_tensor() for offsets in read.offsets)
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
        """Takes the inputs of `answer`; returns `attention`.

        For stories it is each hop's attention to the sentences, `(batch, hops,
        sentences)`. For passages it is each token's attention to the words of the
        question, `(batch, timesteps, steps)`.
        """

        @tf.function(autograph=False, input_signature=TEXTS)
        def attention(context, question):
            read = self._read(context, question)
            if self.labels:
                return {"attention": read.attention}
            is_token = tf.not_equal(read.context_parts.to_tensor(), "")
            return {"attention": tf.where(is_token[..., None], read.attention, 0.0)}

        return attention

    @part
    def gates(self):
        """Takes the inputs of `answer`; returns the outputs of `gate_outputs`.

        Timesteps are the sentences of a story, the tokens of a passage or the words of
        the question. The LSTM over the words of each sentence is omitted.
        """

        @tf.function(autograph=False, input_signature=TEXTS)
        def gates(context, question):
            read, recorded = record_gates(lambda: self._read(context, question))
            words = read.question_tokens.to_tensor()
            parts = read.context_parts.to_tensor()
            if self.labels:  # an empty story has one empty sentence
                blank = (parts == "") & (tf.range(tf.shape(parts)[1]) == 0)
                parts = tf.where(blank, UNKNOWN, parts)
            recorded.pop("sentence_reader", None)
            return gate_outputs(
                recorded,
                {name: words if "question" in name else parts for name in recorded},
            )

        return gates

    def _read(self, context, question):
        """Runs the model on texts; returns a `Read`."""
        vocabulary, offsets = self.vocabulary, []
        question_ids, words, *_ = text_ids(question, vocabulary)
        if self.labels:
            ids, parts = story_ids(context, vocabulary, self.config.data.sentences)
        else:
            ids, parts, *offsets = text_ids(context, vocabulary)
        inputs = {"context": ids.to_tensor(), "question": question_ids.to_tensor()}
        logits, attention = self.model(inputs, training=False)
        return Read(tf.cast(logits, "float32"), attention, offsets, words, parts)

    def graphs(self):
        """Returns the model for other engines, from token ids to logits."""
        sizes = [None] * (3 if self.labels else 2)
        specs = [
            tf.TensorSpec(sizes, "int32", name="context"),
            tf.TensorSpec([None, None], "int32", name="question"),
        ]

        @tf.function(autograph=False, input_signature=specs)
        def question_answering(context, question):
            inputs = {"context": context, "question": question}
            logits, attention = self.model(inputs, training=False)
            return {"logits": logits, "attention": attention}

        return {"question_answering": question_answering}

    def settings(self):
        """Returns what an engine needs to know beside the graph."""
        data = self.config.data
        return {
            "token_rules": data.token_rules,
            "reads": "stories" if self.labels else "passages",
            "sentences": data.sentences,
            "longest_answer": LONGEST_ANSWER,
        }

    def signatures(self):
        """Returns the signatures of a served model: a `tf.function` for each name."""
        return {**super().signatures(), "attention": self.attention}

    def answer_all(self, contexts, questions):
        """Returns the outputs of `answer` per question, without a batch axis."""
        return answer_all(
            self.answer, contexts, questions, batch_size=BATCH_SIZE, unit="question"
        )


def best_span(log_p):
    """Returns the first and last token of the most probable span, and its score.

    A span has at most `LONGEST_ANSWER` tokens. Its score is the sum of the two
    log-probabilities.

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
