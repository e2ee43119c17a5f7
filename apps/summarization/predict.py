"""Summarizes raw documents with a finished run; makes the served signatures."""

from dataclasses import asdict

import tensorflow as tf

from apps.common.answers import answer_all
from apps.common.data.text import join_words
from apps.common.explain.traces import gate_outputs
from apps.common.portable.patterns import END, PADDING_ID, UNKNOWN, UNKNOWN_ID
from apps.common.predictor import Predictor as Base
from apps.common.predictor import part
from apps.summarization.answers import BATCH_SIZE, Answers
from apps.summarization.data import encode_documents
from apps.summarization.decode import search
from apps.summarization.graphs import build_decoder, build_encoder
from apps.summarization.model import build_step, encode
from lstm_layer.gates import gates_of, record_gates

DOCUMENT = [tf.TensorSpec([None], "string", name="document")]


class Predictor(Answers, Base):
    """Summarizes documents with the model of a finished run."""

    @part
    def start(self):
        """Id of the token that ends a summary and precedes its first token."""
        return tf.cast(self.vocabulary.lookup(END), "int32")

    @part
    def answer(self):
        """Takes `document`; returns `summary` and `score`, as `attention` does."""

        @tf.function(autograph=False, input_signature=DOCUMENT)
        def answer(document):
            outputs = self.attention(document)
            return {name: outputs[name] for name in ("summary", "score")}

        return answer

    @part
    def attention(self):
        """Summarizes `document`, strings `(batch,)`; also returns the attention.

        Returns `summary`, strings, and `score`, float32, both `(batch,)`;
        `document_tokens` `(batch, timesteps)` and `summary_tokens` `(batch, steps)`,
        strings padded with ""; `attention`, float32 `(batch, steps, timesteps)`; and
        `copied`, float32 `(batch, steps)`: 1 - p_gen, the probability of copying.
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
            )  # documents without a token
            ids = tf.where(blank[:, tf.newaxis], PADDING_ID, ids)
            longest = tf.reduce_max(tf.math.count_nonzero(ids, axis=1, dtype="int32"))
            longest = tf.maximum(longest, 1)  # the decoder takes at least one step
            ids = tf.pad(ids, [[0, 0], [0, 1]])[:, :longest]
            copied = tf.gather(tokens, tf.maximum(ids - size, 0), batch_dims=1)
            words = tf.where(
                ids < size, tf.gather(names, tf.minimum(ids, size - 1)), copied
            )
            is_token = ids != PADDING_ID
            inputs = tf.where(ids < size, ids, UNKNOWN_ID)
            inputs = tf.concat([tf.fill([count, 1], start), inputs], axis=1)
            _, p_gen_logit, weights = self.model(
                [token_ids, inputs[:, :longest]], training=False
            )
            p_copy = tf.sigmoid(-p_gen_logit[..., 0])
            return {
                "summary": join_words(tf.ragged.boolean_mask(words, is_token)),
                "score": tf.where(blank, 0.0, score),
                "document_tokens": tokens,
                "summary_tokens": tf.where(is_token, words, ""),
                "attention": tf.where(is_token[..., tf.newaxis], weights, 0.0),
                "copied": tf.where(is_token, p_copy, 0.0),
            }

        return attention

    @part
    def gates(self):
        """Takes `document`, strings `(batch,)`; returns the outputs of `gate_outputs`.

        Timesteps are the document's tokens for the encoder, and the summary's tokens
        for the decoder.
        """
        model = self.model

        def ids_of(tokens):
            return tf.cast(self.vocabulary.lookup(tokens), "int32")

        @tf.function(autograph=False, input_signature=DOCUMENT)
        def gates(document):
            answer = self.attention(document)
            tokens, summary = answer["document_tokens"], answer["summary_tokens"]
            token_ids = ids_of(tokens)
            (fixed, state), recorded = record_gates(lambda: encode(model, token_ids))
            starts = tf.fill([tf.shape(document)[0], 1], self.start)
            decoder_inputs = tf.concat([starts, ids_of(summary)[:, :-1]], axis=1)
            context = tf.matmul(answer["attention"], fixed["memory"])
            context = tf.pad(
                context[:, :-1], [[0, 0], [1, 0], [0, 0]]
            )  # of the previous step
            x = model.get_layer("embedding")(decoder_inputs)
            decoder = model.get_layer("decoder")
            inputs = tf.concat([x, context], axis=-1)
            states = [state["h"], state["c"]]
            recorded["decoder"] = gates_of(decoder.cell, inputs, states)
            labels = {**dict.fromkeys(recorded, tokens), "decoder": summary}
            return gate_outputs(recorded, labels)

        return gates

    def graphs(self):
        """Returns the encoder, and one step of the decoder, for other engines."""
        return {
            "encoder": build_encoder(self.model),
            "decoder": build_decoder(self.model),
        }

    def settings(self):
        """Returns what an engine needs to know beside the graphs."""
        data = self.config.data
        return {
            "token_rules": data.token_rules,
            "document_tokens": data.document_tokens,
            "decode": asdict(self.config.decode),
        }

    def signatures(self):
        """Returns the signatures of a served model: a `tf.function` for each name."""
        return {**super().signatures(), "attention": self.attention}

    def attend_all(self, documents):
        """Returns the outputs of `attention` per document, without a batch axis."""
        return answer_all(
            self.attention, documents, batch_size=BATCH_SIZE, unit="document"
        )
