"""Scores and continues raw texts with an ONNX export."""

from collections import deque

import numpy as np

from apps.common.portable.patterns import END, NEW_LINE, PADDING_ID
from apps.common.portable.run_files import VOCABULARY
from apps.common.portable.sampling import SETTINGS, check_columns, choose
from apps.common.portable.tokens import join, tokens_of
from serving.runtime import app
from serving.specs import Spec

NEXT = 3  # most probable next tokens in the output `following`
MOST_TOKENS = 10_000  # maximum of `max_tokens` in one call
LOGITS = 2**22  # computed at once: 16 MB
CHOICE = {name: app.column(setting.dtype) for name, setting in SETTINGS.items()}


class LanguageModel(app.Runtime):
    """The signatures `serving_default`, `gates`, `generate`, `stream` and `step`."""

    graphs_needed = ("language_model",)
    files_needed = (VOCABULARY,)
    settings_needed = ("token_rules", "tokenization")

    unbounded = frozenset({"generate"})

    def __init__(self, description, graphs):
        super().__init__(description, graphs)
        self._graph = graphs["language_model"]
        self._size = self._graph.outputs["logits"].shape[-1]
        self._states = app.states_of(self._graph)
        self._tokenization = self.settings["tokenization"]
        self._ends = self._tokenization != "characters"
        self._start = self.vocabulary.ids([END if self._ends else NEW_LINE])[0]
        self._end = self._start if self._ends else -1

    def functions(self):
        """Returns `(inputs, outputs, method)` of each signature by name."""
        text, numbers = {"text": app.column()}, app.column("float32")
        states = {
            name: Spec("float32", (None, units)) for name, units in self._states.items()
        }
        carry = {"token_ids": Spec("int32", (None, None)), **states}
        prompt = {"prompt": app.column(), **CHOICE}
        scores = {
            "tokens": app.column("int32"),
            "log_probability": numbers,
            "perplexity": numbers,
            "token_log_probabilities": Spec("float32", (None, None)),
        }
        gates = app.gate_specs(app.layers_of(self._graph))
        following = {"following": Spec("string", (None, NEXT))}
        logits = {"logits": Spec("float32", (None, self._size))}
        return {
            "serving_default": (text, scores, self.answer),
            "gates": (text, {**following, **gates}, self.gates),
            "generate": (
                {**prompt, "max_tokens": app.column("int32")},
                text,
                self.generate,
            ),
            "stream": (
                {**prompt, **carry},
                {"text": app.column(), "ended": app.column("bool"), **carry},
                self.stream,
            ),
            "step": (
                {"token_ids": app.column("int32"), **states},
                {**logits, **states},
                self.step,
            ),
        }

    def answer(self, text):
        """Returns the number of tokens, their log-probabilities and the perplexity."""
        rows = self._ids(text)
        targets = [[*row, self._start] if self._ends else row for row in rows]
        inputs = app.padded([[self._start, *row] for row in rows])
        lengths = np.array([len(row) for row in targets], "int32")
        targets = app.padded(targets)
        log_p = np.zeros(targets.shape, "float32")
        inputs = inputs[:, : targets.shape[1]]
        for begin, outputs, _ in self._parts(inputs, self._zeros(len(rows))):
            scores = app.log_softmax(outputs["logits"])
            end = begin + scores.shape[1]
            part = targets[:, begin:end, np.newaxis]
            log_p[:, begin:end] = np.take_along_axis(scores, part, axis=2)[..., 0]
        log_p[np.arange(log_p.shape[1]) >= lengths[:, np.newaxis]] = 0
        total = log_p.sum(axis=1)
        return {
            "tokens": lengths,
            "log_probability": total,
            "perplexity": np.exp(-total / np.maximum(lengths, 1).astype("float32")),
            "token_log_probabilities": log_p,
        }

    def _parts(self, token_ids, state, record=app.NO):
        """Yields first timestep, outputs and state of parts of the sequences.

        A part has at most `LOGITS` logits, since they take the most memory.
        """
        rows, timesteps = token_ids.shape
        size = max(1, LOGITS // (rows * self._size))
        for begin in range(0, timesteps, size):
            part = token_ids[:, begin : begin + size]
            outputs, state = self._run(part, state, record)
            yield begin, outputs, state

    def gates(self, text):
        """Returns tokens, gates and states of each LSTM, and the next tokens."""
        rules = self.settings["token_rules"]
        tokens = [tokens_of(row, self._tokenization, rules) for row in text]
        first = self.vocabulary.tokens[self._start]
        tokens = [[first, *row] for row in tokens]
        ids = [self.vocabulary.ids(row) for row in tokens]
        last = np.array([len(row) - 1 for row in ids])
        logits = np.zeros((len(ids), self._size), "float32")
        recorded = []
        parts = self._parts(app.padded(ids), self._zeros(len(ids)), app.YES)
        for begin, outputs, _ in parts:
            recorded.append(app.recorded_in(outputs))
            end = begin + outputs["logits"].shape[1]
            rows = np.flatnonzero((begin <= last) & (last < end))
            logits[rows] = outputs["logits"][rows, last[rows] - begin]
        best = np.argsort(-logits, axis=-1, kind="stable")[:, :NEXT]
        names = np.array(self.vocabulary.tokens, object)
        following = app.padded_texts(names[best].tolist())
        recorded = {
            layer: np.concatenate([part[layer] for part in recorded], axis=1)
            for layer in recorded[0]
        }
        gates = app.gate_outputs(recorded, app.padded_texts(tokens))
        return {"following": following, **gates}

    def generate(self, prompt, max_tokens, **settings):
        """Returns the text after each prompt, without the prompt."""
        if max_tokens.max() > MOST_TOKENS:
            raise ValueError(f"max_tokens: expected at most {MOST_TOKENS}.")
        check_columns(**settings)
        rows = self._ids(prompt)
        zeros = self._zeros(1)
        begun = [self._after([self._start, *row], zeros) for row in rows]
        logits = np.concatenate([logits for logits, _ in begun])
        state = {
            name: np.concatenate([each[name] for _, each in begun])
            for name in self._states
        }
        seen = self._counted(rows)
        lengths = np.array([len(row) for row in rows], "int32")
        is_open, written = np.ones(len(rows), bool), [[] for _ in rows]
        seed = settings.pop("seed")
        for t in range(max(0, max_tokens.max())):
            seeds = np.stack([seed, lengths + np.int32(t)], axis=-1)
            ids = choose(logits, seen, **settings, seed=seeds)
            is_open = is_open & (t < max_tokens) & (ids != self._end)
            if not is_open.any():
                break
            for row in np.flatnonzero(is_open):
                written[row].append(ids[row])
            seen[np.arange(len(ids)), ids] += 1
            outputs, state = self._run(ids[:, np.newaxis], state)
            logits = outputs["logits"][:, 0]
        return {"text": app.texts([self._joined(row) for row in written])}

    def stream(self, prompt, token_ids, **rest):
        """Returns the next piece of each text, and the carry."""
        states = {name: rest.pop(name) for name in self._states}
        self._check_ids(token_ids)
        check_columns(**rest)
        seed = rest.pop("seed")
        known = [row[row != PADDING_ID].tolist() for row in token_ids]
        begun = []
        for n, (row, new) in enumerate(zip(known, self._ids(prompt), strict=True)):
            last = row[-1] if row else self._start
            state = {name: value[n : n + 1] for name, value in states.items()}
            begun.append(self._after([last, *new], state))
            row += new
        logits = np.concatenate([logits for logits, _ in begun])
        lengths = np.array([len(row) for row in known], "int32")
        seeds = np.stack([seed, lengths], axis=-1)
        ids = choose(logits, self._counted(known), **rest, seed=seeds)
        ended = ids == self._end
        pieces = []
        for row, token, end in zip(known, ids.tolist(), ended, strict=True):
            old = self._joined(row).encode()
            row.append(token)
            new = self._joined(row).encode()
            pieces.append(b"" if end else new[min(len(old), len(new)) :])
        return {
            "text": np.array(pieces, object),
            "ended": ended,
            "token_ids": app.padded(known),
            **{
                name: np.concatenate([state[name] for _, state in begun])
                for name in self._states
            },
        }

    def step(self, token_ids, **state):
        """Returns the logits after one token, and the state."""
        self._check_ids(token_ids)
        outputs, state = self._run(token_ids[:, np.newaxis], state)
        return {"logits": outputs["logits"][:, 0], **state}

    def _check_ids(self, token_ids):
        wrong = token_ids[(token_ids < 0) | (token_ids >= self._size)]
        if wrong.size:
            raise ValueError(
                f"token_ids: expected ids from 0 to {self._size - 1}. Received: "
                f"{wrong[0]}."
            )

    def _ids(self, texts):
        rules = self.settings["token_rules"]
        return [
            self.vocabulary.ids(tokens_of(text, self._tokenization, rules))
            for text in texts
        ]

    def _joined(self, ids):
        tokens = [self.vocabulary.tokens[n] for n in ids]
        return join(tokens, self._tokenization)

    def _counted(self, rows):
        counts = np.zeros((len(rows), self._size), "float32")
        for place, row in zip(counts, rows, strict=True):
            np.add.at(place, row, 1)
        counts[:, PADDING_ID] = 0
        return counts

    def _zeros(self, rows):
        return {n: np.zeros((rows, u), "float32") for n, u in self._states.items()}

    def _after(self, ids, state):
        """Returns the logits after the last of the ids, and the state, of one row."""
        parts = self._parts(np.array([ids], "int32"), state)
        _, outputs, state = deque(parts, maxlen=1).pop()
        return outputs["logits"][:, -1], state

    def _run(self, token_ids, state, record=app.NO):
        outputs = self._graph.run({"token_ids": token_ids, "record": record, **state})
        return outputs, {name: outputs[f"next_{name}"] for name in self._states}
