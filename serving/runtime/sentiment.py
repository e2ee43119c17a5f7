"""Classifies raw texts with an ONNX export."""

from apps.common.portable.run_files import LABELS, VOCABULARY
from apps.common.portable.tokens import tokenize
from serving.runtime import app
from serving.specs import Spec

TEXT = {"text": app.column()}


class Sentiment(app.Runtime):
    """The signatures `serving_default` and `gates`."""

    graphs_needed = ("sentiment",)
    files_needed = (VOCABULARY, LABELS)
    settings_needed = ("token_rules", "max_length")

    def __init__(self, description, graphs):
        super().__init__(description, graphs)
        self._graph = graphs["sentiment"]
        self.check_labels(self._graph)
        self._names = app.texts(self.labels)

    def functions(self):
        """Returns `(inputs, outputs, method)` of each signature by name."""
        probabilities = Spec("float32", (None, len(self.labels)))
        outputs = {"label": app.column(), "probabilities": probabilities}
        return {
            "serving_default": (TEXT, outputs, self.answer),
            "gates": (TEXT, app.gate_specs(app.layers_of(self._graph)), self.gates),
        }

    def answer(self, text):
        """Returns `label` and `probabilities` of each text."""
        token_ids = app.padded([self.vocabulary.ids(row) for row in self._tokens(text)])
        logits = self._graph.run({"token_ids": token_ids, "record": app.NO})["logits"]
        return {
            "label": self._names[logits.argmax(axis=-1)],
            "probabilities": app.softmax(logits),
        }

    def gates(self, text):
        """Returns tokens, gates and states of each LSTM."""
        tokens = self._tokens(text)
        token_ids = app.padded([self.vocabulary.ids(row) for row in tokens])
        outputs = self._graph.run({"token_ids": token_ids, "record": app.YES})
        return app.gate_outputs(app.recorded_in(outputs), app.padded_texts(tokens))

    def _tokens(self, text):
        rules, longest = self.settings["token_rules"], self.settings["max_length"]
        return [tokenize(row, rules)[:longest] for row in text]
