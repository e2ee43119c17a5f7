"""Shows what the gates did with a text."""

import tensorflow as tf

from apps.common.explanation import write_explanations
from apps.common.text import encoded
from apps.common.traces import gate_outputs
from apps.language_modeling.evaluate import load_run, predict
from apps.language_modeling.model import zero_state
from apps.language_modeling.text import start_id, token_ids, tokens_of
from lstm_layer.gates import record_gates

NEXT = 3  # tokens that are named as most probable


def explain(directory, texts):
    """Draws what each layer did with each text, into `explain/` of the run directory.

    Args:
        directory: Run directory whose training has ended.
        texts: Strings.

    Returns:
        The paths of the pages.
    """
    config, model, vocabulary = load_run(directory)
    gates = gating(model, vocabulary, config.data.tokens)
    rows = []
    for text, answer in zip(texts, predict(directory, texts), strict=True):
        found = gates(encoded([text]))
        best = [token.decode() for token in found["following"][0].numpy()]
        said = f"perplexity {answer['perplexity']:.1f}; next: {', '.join(best)}"
        rows.append((text, said, found))
    return write_explanations(directory, rows)


def gating(model, vocabulary, kind):
    """Returns the function behind the signature `gates`.

    It takes `text`, strings `(batch,)`, and returns what `gate_outputs` says, the token
    before the text being the first timestep, and `following`, strings `(batch, 3)`,
    the most probable tokens after the text.
    """
    start, names = start_id(vocabulary, kind), tf.constant(vocabulary.tokens)

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], "string", name="text")]
    )
    def gates(text):
        tokens, ids = tokens_of(text, kind), token_ids(text, vocabulary, kind)
        starts = tf.fill([tokens.nrows(), 1], start)
        first = tf.gather(names, starts)
        tokens = tf.concat([first, tokens], axis=1).to_tensor()
        ids = tf.concat([starts, tf.cast(ids, "int32")], axis=1)
        state = zero_state(model, tf.shape(text)[0])
        (logits, *_), found = record_gates(
            lambda: model([ids.to_tensor(), *state], training=False)
        )
        last = tf.cast(ids.row_lengths(), "int32") - 1
        _, best = tf.math.top_k(tf.gather(logits, last, batch_dims=1), NEXT)
        return {
            "following": tf.gather(names, best),
            **gate_outputs(found, tokens),
        }

    return gates
