"""Shows what the gates did with a context and a question."""

import tensorflow as tf

from apps.common.explanation import write_explanations
from apps.common.text import UNKNOWN, encoded
from apps.common.traces import gate_outputs
from apps.question_answering.evaluate import SPECS, load_run, predict, reading
from lstm_layer.gates import record_gates


def explain(directory, lines):
    """Draws what each layer did with each text, into `explain/` of the run directory.

    Args:
        directory: Run directory whose training has ended.
        lines: Strings, each a context and a question with `|||` between them.

    Returns:
        The paths of the pages.
    """
    config, model, vocabulary, labels = load_run(directory)
    gates = gating(model, vocabulary, labels, config)
    rows = []
    for line, answer in zip(lines, predict(directory, lines), strict=True):
        said = f"{answer['answer']} ({answer['score']:.0%})"
        found = gates(encoded([answer["context"]]), encoded([answer["question"]]))
        rows.append((line, said, found))
    return write_explanations(directory, rows)


def gating(model, vocabulary, labels, config):
    """Returns the function behind the signature `gates`.

    It takes `context` and `question`, strings `(batch,)`, and returns what
    `gate_outputs` says: of stories over the sentences, of passages over the tokens, and
    of what reads the question over its words. The reader of a sentence's words begins
    anew with each sentence and is left out.
    """
    read = reading(model, vocabulary, labels, config)

    @tf.function(autograph=False, input_signature=SPECS)
    def gates(context, question):
        said, found = record_gates(lambda: read(context, question))
        asked, shown = said.asked.to_tensor(), said.shown.to_tensor()
        if labels:  # a story without a sentence has an empty one
            blank = (shown == "") & (tf.range(tf.shape(shown)[1]) == 0)
            shown = tf.where(blank, UNKNOWN, shown)
        found.pop("sentence_reader", None)
        return gate_outputs(
            found, {name: asked if "question" in name else shown for name in found}
        )

    return gates
