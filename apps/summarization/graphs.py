"""Builds the two graphs by which engines other than TensorFlow write a summary."""

import tensorflow as tf

from apps.summarization.model import build_step, encode, known_ids

TOKEN_IDS = tf.TensorSpec([None, None], "int32", name="token_ids")


def build_encoder(model):
    """Returns a `tf.function` from `token_ids` `(batch, timesteps)` to a document.

    It returns what all steps of the decoder share, `memory`, `keys` and `bias`, and the
    state before the first: `h`, `c`, `context` and `coverage`.
    """

    @tf.function(autograph=False, input_signature=[TOKEN_IDS])
    def encoder(token_ids):
        fixed, state = encode(model, token_ids)
        return {**fixed, **state}

    return encoder


def build_decoder(model):
    """Returns a `tf.function` that takes one step of the decoder.

    It takes `ids` `(rows,)`, ids in the extended vocabulary; `copy_ids` `(rows,
    timesteps)`, those of the document; and the outputs of the encoder, a row for each
    row. It returns `log_probabilities` `(rows, vocabulary_size + timesteps)`, the state
    after the step under names that begin with `next_`, `attention` `(rows, timesteps)`,
    `copied` `(rows,)`, the probability of copying, and the values f, i, C~, o of the
    cell, each `(rows, units)`.
    """
    embedding, decoder = model.get_layer("embedding"), model.get_layer("decoder")
    units, features = decoder.units, decoder.memory_dim
    sizes = {
        "memory": [None, features],
        "keys": [None, units],
        "bias": [None],
        "h": [units],
        "c": [units],
        "context": [features],
        "coverage": [None],
    }
    specs = [
        tf.TensorSpec([None], "int32", name="ids"),
        tf.TensorSpec([None, None], "int32", name="copy_ids"),
    ]
    specs += [tf.TensorSpec([None, *size], name=key) for key, size in sizes.items()]

    @tf.function(autograph=False, input_signature=specs)
    def decode(ids, copy_ids, memory, keys, bias, h, c, context, coverage):
        fixed = {"memory": memory, "keys": keys, "bias": bias}
        state = {"h": h, "c": c, "context": context, "coverage": coverage}
        log_p, new = build_step(model, fixed, copy_ids)(ids, state)
        x = embedding(known_ids(ids, embedding.vocabulary_size))
        gates = decoder.cell.step(
            decoder.cell.sums(tf.concat([x, context], axis=-1), h), c
        )
        _, p_gen_logit = decoder.outputs(x, new["h"], new["context"])
        return {
            "log_probabilities": log_p,
            **{f"next_{name}": value for name, value in new.items()},
            "attention": new["coverage"] - coverage,
            "copied": tf.sigmoid(-p_gen_logit[..., 0]),
            **{name: getattr(gates, name) for name in ("f", "i", "c_tilde", "o")},
        }

    return decode
