"""Shows what the gates did with a document and its summary."""

import tensorflow as tf

from apps.common.explanation import write_explanations
from apps.common.text import END, encoded
from apps.common.traces import gate_outputs
from apps.summarization.evaluate import attending, load_run, predict
from apps.summarization.model import encoding
from lstm_layer.gates import gates_of, record_gates


def explain(directory, documents):
    """Draws what each layer did with each text, into `explain/` of the run directory.

    Args:
        directory: Run directory whose training has ended.
        documents: Strings.

    Returns:
        The paths of the pages.
    """
    config, model, vocabulary = load_run(directory)
    gates = gating(model, vocabulary, config)
    rows = [
        (answer["document"], answer["summary"], gates(encoded([answer["document"]])))
        for answer in predict(directory, documents)
    ]
    return write_explanations(directory, rows)


def gating(model, vocabulary, config):
    """Returns the function behind the signature `gates`.

    It takes `document`, strings `(batch,)`, and returns what `gate_outputs` says: of
    the encoder over the document's tokens, of the decoder over the tokens that it
    writes.
    """
    attend = attending(model, vocabulary, config)
    start = tf.cast(vocabulary.lookup(END), "int32")

    def ids_of(tokens):
        return tf.cast(vocabulary.lookup(tokens), "int32")

    @tf.function(autograph=False, input_signature=attend.input_signature)
    def gates(document):
        answer = attend(document)
        read, written = answer["document_tokens"], answer["summary_tokens"]
        (fixed, state), found = record_gates(lambda: encoding(model, ids_of(read)))
        starts = tf.fill([tf.shape(document)[0], 1], start)
        before = tf.concat([starts, ids_of(written)[:, :-1]], axis=1)
        context = tf.matmul(answer["attention"], fixed["memory"])
        context = tf.pad(context[:, :-1], [[0, 0], [1, 0], [0, 0]])  # the step before's
        x = model.get_layer("embedding")(before)
        decoder = model.get_layer("decoder")
        inputs = tf.concat([x, context], axis=-1)
        found["decoder"] = gates_of(decoder.cell, inputs, [state["h"], state["c"]])
        return gate_outputs(found, {**dict.fromkeys(found, read), "decoder": written})

    return gates
