"""Summarizes raw documents with an ONNX export."""

import numpy as np

from apps.common.portable.beam import search
from apps.common.portable.patterns import END, PADDING_ID, UNKNOWN, UNKNOWN_ID
from apps.common.portable.run_files import VOCABULARY
from apps.common.portable.tokens import join_words, tokenize
from serving.runtime import app
from serving.specs import Spec

DOCUMENT = {"document": app.column()}
FIXED = ("memory", "keys", "bias")  # outputs of the encoder that all steps share
STATE = ("h", "c", "context", "coverage")
CELL = ("f", "i", "c_tilde", "next_c", "o", "next_h")  # outputs of the decoder


class Summarization(app.Runtime):
    """The signatures `serving_default`, `attention` and `gates`."""

    graphs_needed = ("encoder", "decoder")
    files_needed = (VOCABULARY,)
    settings_needed = ("token_rules", "document_tokens", "decode")
    unbounded = frozenset({"serving_default", "attention", "gates"})

    def __init__(self, description, graphs):
        super().__init__(description, graphs)
        self._encoder, self._decoder = graphs["encoder"], graphs["decoder"]
        self._size = len(self.vocabulary.tokens)
        self._start = self.vocabulary.ids([END])[0]

    def functions(self):
        """Returns `(inputs, outputs, method)` of each signature by name."""
        answer = {"summary": app.column(), "score": app.column("float32")}
        tokens = Spec("string", (None, None))
        attention = {
            **answer,
            "document_tokens": tokens,
            "summary_tokens": tokens,
            "attention": Spec("float32", (None, None, None)),
            "copied": Spec("float32", (None, None)),
        }
        units = self._decoder.inputs["h"].shape[-1]
        layers = {**app.layers_of(self._encoder), "decoder": units}
        return {
            "serving_default": (DOCUMENT, answer, self.answer),
            "attention": (DOCUMENT, attention, self.attention),
            "gates": (DOCUMENT, app.gate_specs(layers), self.gates),
        }

    def answer(self, document):
        """Returns `summary` and `score` of each document."""
        tokens, token_ids, copy_ids = self._encoded(document)
        ids, score = self._search(tokens, self._encode(token_ids), copy_ids)
        words = self._words(tokens, ids)
        summary = app.texts([join_words(row) for row in words])
        return {"summary": summary, "score": score}

    def attention(self, document):
        """Returns also the attention of each token of the summary."""
        tokens, token_ids, copy_ids = self._encoded(document)
        encoded = self._encode(token_ids)
        ids, score = self._search(tokens, encoded, copy_ids)
        words, steps = self._words(tokens, ids), self._replayed(encoded, copy_ids, ids)
        is_token = ids != PADDING_ID
        attention = np.stack([step["attention"] for step in steps], axis=1)
        copied = np.stack([step["copied"] for step in steps], axis=1)
        zero = np.float32(0)
        return {
            "summary": app.texts([join_words(row) for row in words]),
            "score": score,
            "document_tokens": app.padded_texts(tokens),
            "summary_tokens": _wide(app.padded_texts(words), ids.shape[1]),
            "attention": np.where(is_token[..., np.newaxis], attention, zero),
            "copied": np.where(is_token, copied, zero),
        }

    def gates(self, document):
        """Returns tokens, gates and states of the encoder and of the decoder."""
        tokens, token_ids, copy_ids = self._encoded(document)
        encoded = self._encode(token_ids, app.YES)
        ids, _ = self._search(tokens, encoded, copy_ids)
        recorded = app.recorded_in(encoded)
        labels = dict.fromkeys(recorded, app.padded_texts(tokens))
        words = app.padded_texts(self._words(tokens, ids))
        labels["decoder"] = _wide(words, ids.shape[1])
        steps = self._replayed(encoded, copy_ids, ids)
        steps = [np.concatenate([step[n] for n in CELL], axis=-1) for step in steps]
        recorded["decoder"] = np.stack(steps, axis=1)
        return app.gate_outputs(recorded, labels)

    def _encoded(self, document):
        """Returns tokens, ids, and ids in the extended vocabulary of each document."""
        rules, longest = self.settings["token_rules"], self.settings["document_tokens"]
        tokens = [tokenize(row, rules)[:longest] for row in document]
        ids = [self.vocabulary.ids(row) for row in tokens]
        copied = [
            [
                self._size + row.index(token) if n == UNKNOWN_ID else n
                for token, n in zip(row, row_ids, strict=True)
            ]
            for row, row_ids in zip(tokens, ids, strict=True)
        ]
        return tokens, app.padded(ids), app.padded(copied)

    def _encode(self, token_ids, record=app.NO):
        return self._encoder.run({"token_ids": token_ids, "record": record})

    def _search(self, tokens, encoded, copy_ids):
        """Returns the ids of the summaries `(batch, steps)`, and their scores."""
        beam = self.settings["decode"]["beam"]
        fixed = {name: np.repeat(encoded[name], beam, axis=0) for name in FIXED}
        fixed["copy_ids"] = np.repeat(copy_ids, beam, axis=0)

        def step(ids, state):
            outputs = self._decoder.run({"ids": ids, **fixed, **state})
            new = {name: outputs[f"next_{name}"] for name in STATE}
            return outputs["log_probabilities"], new

        state = {name: encoded[name] for name in STATE}
        decode = self.settings["decode"]
        ids, score = search(
            step, state, len(tokens), self._start, self._start, **decode
        )
        blank = np.array([row[0] == UNKNOWN for row in tokens])
        ids[blank], score[blank] = PADDING_ID, 0
        longest = max(1, np.count_nonzero(ids, axis=1).max())
        return np.pad(ids, ((0, 0), (0, 1)))[:, :longest], score

    def _words(self, tokens, ids):
        """Returns the words of each summary; ids beyond the vocabulary are copied."""
        return [
            [
                self.vocabulary.tokens[n] if n < self._size else row[n - self._size]
                for n in row_ids[row_ids != PADDING_ID].tolist()
            ]
            for row, row_ids in zip(tokens, ids, strict=True)
        ]

    def _replayed(self, encoded, copy_ids, ids):
        """Returns the decoder's outputs at each step of the given summaries."""
        fixed = {name: encoded[name] for name in FIXED}
        state, steps = {name: encoded[name] for name in STATE}, []
        before = np.pad(ids, ((0, 0), (1, 0)), constant_values=self._start)
        for t in range(ids.shape[1]):
            step = {"ids": before[:, t], "copy_ids": copy_ids, **fixed, **state}
            steps.append(self._decoder.run(step))
            state = {name: steps[-1][f"next_{name}"] for name in STATE}
        return steps


def _wide(array, size):
    """Returns texts with padding up to `size` columns."""
    missing = size - array.shape[1]
    return np.pad(array, ((0, 0), (0, missing)), constant_values=b"")
