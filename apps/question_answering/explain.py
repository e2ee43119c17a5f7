"""Shows what the gates did with a context and a question."""

import tensorflow as tf

from apps.common.explanation import write_explanations
from apps.common.text import UNKNOWN, encoded
from apps.common.traces import gate_outputs
from apps.question_answering.data import story_sentences
from apps.question_answering.evaluate import SPECS, load_run, predict, reading
from apps.question_answering.tokens import tokens_with_offsets
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

    def words(texts):
        tokens, *_ = tokens_with_offsets(texts)
        tokens = tokens.to_tensor()
        tokens = tf.pad(tokens, [[0, 0], [0, 1]])  # of none, the reader has an unknown
        lacking = tf.reduce_all(tokens == "", axis=1, keepdims=True)
        first = tf.where(lacking, UNKNOWN, tokens[:, :1])
        tokens = tf.concat([first, tokens[:, 1:]], axis=1)
        longest = tf.reduce_max(tf.math.count_nonzero(tokens != "", axis=1))
        return tokens[:, : tf.maximum(longest, 1)]

    @tf.function(input_signature=SPECS)
    def gates(context, question):
        _, found = record_gates(lambda: read(context, question))
        asked, sentences = words(question), None
        if labels:
            sentences = story_sentences(context, config.data.sentences).to_tensor()
            sentences = tf.strings.strip(sentences)
            blank = sentences[:, :1] == ""
            first = tf.where(blank, UNKNOWN, sentences[:, :1])
            sentences = tf.concat([first, sentences[:, 1:]], axis=1)
        else:
            sentences = words(context)
        found.pop("sentence_reader", None)
        return gate_outputs(
            found,
            {name: asked if "question" in name else sentences for name in found},
        )

    return gates
