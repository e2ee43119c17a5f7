"""Classifies raw texts with a finished run; makes the served signatures."""

import tensorflow as tf

import apps.sentiment.model  # noqa: F401  registers the layers that load_model needs
from apps.common.answers import answer_all
from apps.common.data.text import tokenize
from apps.common.explain.traces import gate_outputs
from apps.common.export.litert.graphs import DeviceGraph
from apps.common.predictor import Predictor as Base
from apps.common.predictor import part
from apps.sentiment.answers import BATCH_SIZE, Answers
from lstm_layer.gates import record_gates

TOKEN_IDS = [tf.TensorSpec([None, None], "int32", name="token_ids")]
TEXT = [tf.TensorSpec([None], "string", name="text")]


class Predictor(Answers, Base):
    """Classifies texts with the model of a finished run."""

    @part
    def answer(self):
        """Classifies `text`, strings `(batch,)`.

        Returns `label`, strings `(batch,)`, and `probabilities`, float32 `(batch,
        labels)` in the order of `labels`.
        """
        names = tf.constant(self.labels)

        @tf.function(autograph=False, input_signature=TEXT)
        def answer(text):
            logits = tf.cast(
                self.model(self._token_ids(text), training=False), "float32"
            )
            return {
                "label": tf.gather(names, tf.argmax(logits, axis=-1)),
                "probabilities": tf.nn.softmax(logits),
            }

        return answer

    @part
    def gates(self):
        """Takes `text`, strings `(batch,)`; returns the outputs of `gate_outputs`."""

        @tf.function(autograph=False, input_signature=TEXT)
        def gates(text):
            tokens = tokenize(text, self.vocabulary.rules)
            tokens = tokens[:, : self.config.data.max_length].to_tensor()
            token_ids = self._token_ids(text)
            _, recorded = record_gates(lambda: self.model(token_ids, training=False))
            return gate_outputs(recorded, tokens)

        return gates

    def graphs(self):
        """Returns the model for other engines, from token ids to logits."""

        @tf.function(autograph=False, input_signature=TOKEN_IDS)
        def sentiment(token_ids):
            return {"logits": self.model(token_ids, training=False)}

        return {"sentiment": sentiment}

    def device_graphs(self):
        """Returns the file for devices, which takes the token ids of one text."""
        return {"text": DeviceGraph(self.name, "logits", None)}

    def settings(self):
        """Returns what an engine needs to know beside the graph."""
        data = self.config.data
        return {"token_rules": data.token_rules, "max_length": data.max_length}

    def _token_ids(self, text):
        ids = self.vocabulary.token_ids(text, self.config.data.max_length)
        return ids.to_tensor()

    def answer_all(self, texts):
        """Returns the outputs of `answer` per text, as arrays without a batch axis."""
        return answer_all(self.answer, texts, batch_size=BATCH_SIZE, unit="text")
