"""Shows what the gates did with a text."""

import tensorflow as tf

from apps.common.explanation import write_explanations
from apps.common.text import encoded, tokenize
from apps.common.traces import gate_outputs
from apps.sentiment.evaluate import load_run, predict
from lstm_layer.gates import record_gates


def explain(directory, texts):
    """Draws what each layer did with each text, into `explain/` of the run directory.

    Args:
        directory: Run directory whose training has ended.
        texts: Strings.

    Returns:
        The paths of the pages.
    """
    config, model, vocabulary, _ = load_run(directory)
    gates = gating(model, vocabulary, config.data.max_length)
    rows = []
    for text, answer in zip(texts, predict(directory, texts), strict=True):
        share = answer["probabilities"][answer["label"]]
        said = f"{answer['label']} ({share:.0%})"
        rows.append((text, said, gates(encoded([text]))))
    return write_explanations(directory, rows)


def gating(model, vocabulary, max_length):
    """Returns the function behind the signature `gates`.

    It takes `text`, strings `(batch,)`, and returns what `gate_outputs` says.
    """

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], "string", name="text")]
    )
    def gates(text):
        tokens = tokenize(text)[:, :max_length].to_tensor()
        token_ids = vocabulary.token_ids(text, max_length).to_tensor()
        _, found = record_gates(lambda: model(token_ids, training=False))
        return gate_outputs(found, tokens)

    return gates
