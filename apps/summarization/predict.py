"""Answers for raw documents: a finished run, and what a served model offers."""

from dataclasses import asdict

import tensorflow as tf

from apps.common.data.text import (
    END,
    PADDING_ID,
    UNKNOWN,
    UNKNOWN_ID,
    encoded,
    join_words,
)
from apps.common.explain.traces import gate_outputs
from apps.common.predictor import Predictor as Base
from apps.common.predictor import answer_all, part
from apps.summarization.config import Config
from apps.summarization.data import encode_documents
from apps.summarization.decode import search
from apps.summarization.model import build_step, encode
from lstm_layer.gates import gates_of, record_gates

BATCH_SIZE = 64
DOCUMENT = [tf.TensorSpec([None], "string", name="document")]


class Predictor(Base):
    """A finished run that summarizes documents."""

    name, config_class = "summarization", Config

    @part
    def start(self):
        """Id of the token that ends a summary, and of the one before its first."""
        return tf.cast(self.vocabulary.lookup(END), "int32")

    @part
    def answer(self):
        """Takes `document`; returns `summary` and `score` as `attention` does."""

        @tf.function(autograph=False, input_signature=DOCUMENT)
        def answer(document):
            found = self.attention(document)
            return {name: found[name] for name in ("summary", "score")}

        return answer

    @part
    def attention(self):
        """Takes `document`, strings `(batch,)`; summarizes and shows what it looked at.

        Returns `summary`, strings, and `score`, float32, both `(batch,)`;
        `document_tokens` `(batch, timesteps)` and `summary_tokens` `(batch, steps)`,
        strings padded with ""; `attention`, float32 `(batch, steps, timesteps)`; and
        `copied`, float32 `(batch, steps)`: the model's probability of copying a token,
        not writing it.
        """
        vocabulary, config, start = self.vocabulary, self.config, self.start
        names, size = tf.constant(vocabulary.tokens), len(vocabulary)

        @tf.function(autograph=False, input_signature=DOCUMENT)
        def attention(document):
            tokens, token_ids, copy_ids = (
                ids.to_tensor()
                for ids in encode_documents(
                    document, vocabulary, config.data.document_tokens
                )
            )
            fixed, state = encode(self.model, token_ids)
            repeated = tf.nest.map_structure(
                lambda x: tf.repeat(x, config.decode.beam, axis=0), (fixed, copy_ids)
            )
            step = build_step(self.model, *repeated)
            count = tf.shape(document)[0]
            ids, score = search(
                step, state, count, start, start, **asdict(config.decode)
            )
            blank = tf.reduce_any(
                tokens[:, :1] == UNKNOWN, axis=1
            )  # a text without a token
            ids = tf.where(blank[:, tf.newaxis], PADDING_ID, ids)
            longest = tf.reduce_max(tf.math.count_nonzero(ids, axis=1, dtype="int32"))
            longest = tf.maximum(longest, 1)  # the decoder takes one step at least
            ids = tf.pad(ids, [[0, 0], [0, 1]])[:, :longest]
            own = tf.gather(tokens, tf.maximum(ids - size, 0), batch_dims=1)
            words = tf.where(
                ids < size, tf.gather(names, tf.minimum(ids, size - 1)), own
            )
            written = ids != PADDING_ID
            before = tf.where(ids < size, ids, UNKNOWN_ID)
            before = tf.concat([tf.fill([count, 1], start), before], axis=1)
            _, writes, weights = self.model(
                [token_ids, before[:, :longest]], training=False
            )
            return {
                "summary": join_words(tf.ragged.boolean_mask(words, written)),
                "score": tf.where(blank, 0.0, score),
                "document_tokens": tokens,
                "summary_tokens": tf.where(written, words, ""),
                "attention": weights,
                "copied": tf.where(written, tf.sigmoid(-writes[..., 0]), 0.0),
            }

        return attention

    @part
    def gates(self):
        """Takes `document`, strings `(batch,)`; returns what `gate_outputs` says.

        Of the encoder over the document's tokens, of the decoder over the tokens that
        it writes.
        """
        model = self.model

        def ids_of(tokens):
            return tf.cast(self.vocabulary.lookup(tokens), "int32")

        @tf.function(autograph=False, input_signature=DOCUMENT)
        def gates(document):
            answer = self.attention(document)
            read, written = answer["document_tokens"], answer["summary_tokens"]
            (fixed, state), found = record_gates(lambda: encode(model, ids_of(read)))
            starts = tf.fill([tf.shape(document)[0], 1], self.start)
            before = tf.concat([starts, ids_of(written)[:, :-1]], axis=1)
            context = tf.matmul(answer["attention"], fixed["memory"])
            context = tf.pad(
                context[:, :-1], [[0, 0], [1, 0], [0, 0]]
            )  # the step before's
            x = model.get_layer("embedding")(before)
            decoder = model.get_layer("decoder")
            inputs = tf.concat([x, context], axis=-1)
            found["decoder"] = gates_of(decoder.cell, inputs, [state["h"], state["c"]])
            return gate_outputs(
                found, {**dict.fromkeys(found, read), "decoder": written}
            )

        return gates

    def signatures(self):
        """Returns what a served model offers, each a `tf.function`, by name."""
        return {**super().signatures(), "attention": self.attention}

    def predict(self, documents):
        """Returns a dictionary with `document`, `summary` and `score` for each.

        Args:
            documents: Strings.
        """
        answers = []
        for document in documents:
            found = self.answer(encoded([document]))
            answers.append(
                {
                    "document": document,
                    "summary": found["summary"][0].numpy().decode(),
                    "score": float(found["score"][0]),
                }
            )
        return answers

    def attend_all(self, documents):
        """Returns what `attention` gives for each document, without a batch."""
        return answer_all(
            self.attention, documents, batch_size=BATCH_SIZE, unit="document"
        )
