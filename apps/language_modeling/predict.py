"""Scores and continues raw texts with a finished run; makes the served signatures."""

import tensorflow as tf

import apps.language_modeling.model  # noqa: F401  registers what load_model needs
from apps.common.explain.traces import gate_outputs
from apps.common.export.litert.graphs import DeviceGraph
from apps.common.layers.state import next_states, zero_state
from apps.common.predictor import Predictor as Base
from apps.common.predictor import part
from apps.language_modeling.answers import Answers
from apps.language_modeling.sampling import build_generate, build_step, build_stream
from apps.language_modeling.text import has_end_token, start_id, token_ids, tokens_of
from lstm_layer.gates import record_gates

NEXT = 3  # most probable next tokens in the output `following`
TEXT = [tf.TensorSpec([None], "string", name="text")]


class Predictor(Answers, Base):
    """Scores and continues texts with the model of a finished run."""

    @property
    def tokenization(self):
        """Tokenization: "words", "spaces" or "characters"."""
        return self.config.data.tokens

    @property
    def is_lstm(self):
        """Whether the recurrent layers are LSTMs, and not simple ones."""
        return self.config.model.cell == "lstm"

    def _check_lstm(self, reason):
        """Raises ValueError for a simple recurrent network."""
        if not self.is_lstm:
            raise ValueError(
                f"model.cell={self.config.model.cell}: a simple recurrent network "
                f"{reason}. Take a run with model.cell=lstm."
            )

    @part
    def start(self):
        """Id of the token that ends a text and precedes the first token."""
        return start_id(self.vocabulary, self.tokenization)

    @part
    def answer(self):
        """Scores `text`, strings `(batch,)`, each independently.

        Except with characters, the end token is scored too. Returns `tokens`, the
        number of tokens, int32; `log_probability` (natural) and `perplexity`, float32;
        all `(batch,)`. `token_log_probabilities` `(batch, timesteps)` is padded with 0.
        """
        tokenization, start = self.tokenization, self.start

        @tf.function(autograph=False, input_signature=TEXT)
        def answer(text):
            ids = tf.cast(token_ids(text, self.vocabulary, tokenization), "int32")
            starts = tf.fill([ids.nrows(), 1], start)
            targets = (
                tf.concat([ids, starts], axis=1) if has_end_token(tokenization) else ids
            )
            lengths = tf.cast(targets.row_lengths(), "int32")
            targets = targets.to_tensor()
            inputs = tf.concat([starts, ids.to_tensor()], axis=1)
            batch, timesteps = tf.unstack(tf.shape(targets))
            state = zero_state(self.model, batch)
            logits, *_ = self.model([inputs, *state], training=False)
            logits = tf.cast(logits[:, :timesteps], "float32")
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            log_p = tf.where(tf.sequence_mask(lengths, timesteps), -losses, 0.0)
            total = tf.reduce_sum(log_p, axis=1)
            count = tf.cast(tf.maximum(lengths, 1), "float32")
            return {
                "tokens": lengths,
                "log_probability": total,
                "perplexity": tf.exp(-total / count),
                "token_log_probabilities": log_p,
            }

        return answer

    @part
    def gates(self):
        """Takes `text`, strings `(batch,)`; returns the outputs of `gate_outputs`.

        The first timestep is the start token. Also returns the most probable next
        tokens, `following`, strings `(batch, 3)`.

        Raises:
            ValueError: If the model is a simple recurrent network, which has no gates.
        """
        self._check_lstm("has no gates to show")
        names = tf.constant(self.vocabulary.tokens)

        @tf.function(autograph=False, input_signature=TEXT)
        def gates(text):
            tokens = tokens_of(text, self.tokenization, self.vocabulary.rules)
            ids = token_ids(text, self.vocabulary, self.tokenization)
            starts = tf.fill([tokens.nrows(), 1], self.start)
            first = tf.gather(names, starts)
            tokens = tf.concat([first, tokens], axis=1).to_tensor()
            ids = tf.concat([starts, tf.cast(ids, "int32")], axis=1)
            state = zero_state(self.model, tf.shape(text)[0])
            (logits, *_), recorded = record_gates(
                lambda: self.model([ids.to_tensor(), *state], training=False)
            )
            last = tf.cast(ids.row_lengths(), "int32") - 1
            _, best = tf.math.top_k(tf.gather(logits, last, batch_dims=1), NEXT)
            return {
                "following": tf.gather(names, best),
                **gate_outputs(recorded, tokens),
            }

        return gates

    @part
    def generate(self):
        """The `tf.function` that `build_generate` returns."""
        return build_generate(self.model, self.vocabulary, self.tokenization)

    @part
    def stream(self):
        """The `tf.function` that `build_stream` returns."""
        return build_stream(self.model, self.vocabulary, self.tokenization)

    @part
    def step(self):
        """Takes one timestep: `token_ids` `(batch,)` and the model's states.

        Returns `logits` `(batch, vocabulary_size)` and the state after the token.
        """
        step = build_step(self.model)
        states = self.model.inputs[1:]
        specs = [tf.TensorSpec([None], "int32", name="token_ids")]
        specs += [tf.TensorSpec([None, s.shape[1]], "float32", s.name) for s in states]

        @tf.function(autograph=False, input_signature=specs)
        def one_step(token_ids, *state):
            logits, state = step(token_ids, list(state))
            names = [one.name for one in states]
            return {"logits": logits, **dict(zip(names, state, strict=True))}

        return one_step

    def graphs(self):
        """Returns the model for other engines, from token ids and state to logits.

        Raises:
            ValueError: If the model is a simple recurrent network.
        """
        self._check_lstm("is written for TensorFlow alone")
        states = self.model.inputs[1:]
        specs = [tf.TensorSpec([None, None], "int32", name="token_ids")]
        specs += [tf.TensorSpec([None, s.shape[1]], "float32", s.name) for s in states]

        @tf.function(autograph=False, input_signature=specs)
        def language_model(token_ids, *state):
            logits, *state = self.model([token_ids, *state], training=False)
            return {"logits": logits, **next_states(states, state)}

        return {"language_model": language_model}

    def device_graphs(self):
        """Returns the file for devices, which takes one token id a call."""
        return {"step": DeviceGraph("language_model", "logits", 1)}

    def settings(self):
        """Returns what an engine needs to know beside the graph."""
        rules = self.config.data.token_rules
        return {"token_rules": rules, "tokenization": self.tokenization}

    def signatures(self):
        """Returns the signatures of a served model: a `tf.function` for each name.

        A simple recurrent network has no signature `gates`.
        """
        gates = {"gates": self.gates} if self.is_lstm else {}
        return {
            "serving_default": self.answer,
            **gates,
            "generate": self.generate,
            "stream": self.stream,
            "step": self.step,
        }
