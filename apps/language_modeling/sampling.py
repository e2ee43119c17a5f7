"""Texts drawn from a language model: one token more, or as many as are asked for."""

import tensorflow as tf

from apps.common.data.text import END, PADDING_ID, UNKNOWN_ID
from apps.common.layers.masking import MASKED
from apps.common.layers.state import zero_state
from apps.common.portable.sampling import SETTINGS
from apps.language_modeling.text import has_end_token, join, start_id, token_ids

MOST_TOKENS = 10_000  # in one call


def choose(logits, seen, temperature, top_k, top_p, repetition_penalty, seed):
    """Draws the next token of each row.

    Args:
        logits: `(batch, vocabulary_size)`.
        seen: How often each token has occurred, of the same shape.
        temperature: `(batch,)`; 0 takes the most probable token.
        top_k: `(batch,)`; only so many of the most probable tokens; 0 is all.
        top_p: `(batch,)`; only the most probable tokens that together have this
            probability (Holtzman et al. 2020), the first in any case; 1 is all.
        repetition_penalty: `(batch,)`; by this the logits of tokens that occurred
            become less (Keskar et al. 2019); 1 is none.
        seed: `(batch, 2)`, int32.

    Returns:
        Token ids, `(batch,)` int32. Padding and the unknown token are never drawn.
    """
    penalty = repetition_penalty[:, tf.newaxis]
    punished = tf.where(logits > 0, logits / penalty, logits * penalty)
    logits = tf.where(seen > 0, punished, logits)
    never = tf.reduce_sum(tf.one_hot([PADDING_ID, UNKNOWN_ID], logits.shape[-1]), 0) > 0
    logits = tf.where(never, MASKED, logits)
    best = tf.argmax(logits, axis=-1, output_type="int32")

    scaled = logits / tf.maximum(temperature, 1e-6)[:, tf.newaxis]
    scaled -= tf.reduce_max(scaled, axis=-1, keepdims=True)
    ranked = tf.sort(scaled, direction="DESCENDING")
    probabilities = tf.nn.softmax(ranked)
    before = tf.cumsum(probabilities, axis=-1, exclusive=True)
    size = logits.shape[-1]
    by_p = tf.reduce_sum(tf.cast(before < top_p[:, tf.newaxis], "int32"), axis=-1)
    by_k = tf.where(top_k > 0, top_k, size)
    kept = tf.clip_by_value(tf.minimum(by_p, by_k), 1, size)
    lowest = tf.gather(ranked, kept - 1, batch_dims=1)[:, tf.newaxis]
    scaled = tf.where(scaled >= lowest, scaled, MASKED)
    uniform = tf.map_fn(
        lambda row: tf.random.stateless_uniform([size], row, 1e-7, 1.0),
        seed,
        fn_output_signature="float32",
    )
    drawn = scaled - tf.math.log(-tf.math.log(uniform))  # the Gumbel-max trick
    drawn = tf.argmax(drawn, axis=-1, output_type="int32")
    return tf.where(temperature > 0, drawn, best)


def build_step(model):
    """Returns the function that takes one token of each row.

    It takes `token_ids` `(batch,)` and the state, a list, and returns logits `(batch,
    vocabulary_size)` and the state after the token.
    """

    def step(ids, state):
        logits, *state = model([ids[:, tf.newaxis], *state], training=False)
        return tf.cast(logits[:, 0], "float32"), state

    return step


def build_read(model):
    """Returns the function that reads tokens, as many of each row as it has.

    It takes a first token of each row `(batch,)`, those after it, ragged `(batch,
    tokens)`, and the state, a list. It returns logits `(batch, vocabulary_size)` and
    the state after the last token.
    """
    step = build_step(model)

    def read(first, ids, state):
        lengths = tf.cast(ids.row_lengths(), "int32")
        ids = ids.to_tensor()
        logits, state = step(first, state)

        def body(t, logits, state):
            new_logits, new_state = step(ids[:, t], state)
            real = (t < lengths)[:, tf.newaxis]
            pairs = zip(new_state, state, strict=True)
            state = [tf.where(real, new, old) for new, old in pairs]
            return t + 1, tf.where(real, new_logits, logits), state

        _, logits, state = tf.while_loop(
            lambda t, *_: t < tf.shape(ids)[1], body, (0, logits, state)
        )
        return logits, state

    return read


def count(ids, size):
    """Returns how often each of `size` tokens occurs in rows of ids, ragged."""
    one_hot = tf.one_hot(ids.to_tensor(), size)
    return tf.reduce_sum(one_hot, axis=1) * tf.one_hot(PADDING_ID, size, 0.0, 1.0)


DTYPES = {name: setting.dtype for name, setting in SETTINGS.items()}


def _end_id(vocabulary, tokenization):
    """Returns the id of the token that ends a text, or -1 if there is none."""
    if has_end_token(tokenization):
        return tf.cast(vocabulary.lookup(END), "int32")
    return -1


def _specs(**dtypes):
    return [tf.TensorSpec([None], dtype, name) for name, dtype in dtypes.items()]


def build_generate(model, vocabulary, tokenization):
    """Returns the function that a served model runs: prompts in, texts out.

    Its settings are those of `choose`, each `(batch,)`, and `max_tokens`; it returns
    `text`, strings `(batch,)`, without the prompts. A text begins as one does, after
    the end of another, and one of words ends where the model ends it.
    """
    read, step, size = build_read(model), build_step(model), len(vocabulary)
    start = start_id(vocabulary, tokenization)
    end = _end_id(vocabulary, tokenization)
    names = tf.constant(vocabulary.tokens)

    @tf.function(
        autograph=False,
        input_signature=_specs(prompt="string", max_tokens="int32", **DTYPES),
    )
    def generate(
        prompt, max_tokens, temperature, top_k, top_p, repetition_penalty, seed
    ):
        tf.debugging.assert_less_equal(
            max_tokens, MOST_TOKENS, f"max_tokens: expected at most {MOST_TOKENS}."
        )
        batch = tf.shape(prompt)[0]
        given = tf.cast(token_ids(prompt, vocabulary, tokenization), "int32")
        logits, state = read(tf.fill([batch], start), given, zero_state(model, batch))
        seen, before = count(given, size), tf.cast(given.row_lengths(), "int32")

        def body(t, logits, state, seen, open_, written):
            settings = (temperature, top_k, top_p, repetition_penalty)
            seeds = tf.stack([seed, before + t], axis=-1)
            ids = choose(logits, seen, *settings, seeds)
            open_ = open_ & (t < max_tokens) & (ids != end)
            written = written.write(t + 1, tf.where(open_, ids, PADDING_ID))
            logits, state = step(ids, state)
            return t + 1, logits, state, seen + tf.one_hot(ids, size), open_, written

        steps = tf.reduce_max(tf.concat([max_tokens, [0]], axis=0))
        written = tf.TensorArray("int32", 0, dynamic_size=True, element_shape=[None])
        written = written.write(0, tf.zeros_like(seed))  # so that it is never empty
        open_ = tf.fill(tf.shape(prompt), True)
        *_, written = tf.while_loop(
            lambda t, logits, state, seen, open_, written: (
                (t < steps) & tf.reduce_any(open_)
            ),
            body,
            (0, logits, state, seen, open_, written),
        )
        ids = tf.transpose(written.stack())
        ids = tf.reshape(ids, [tf.shape(prompt)[0], -1])
        tokens = tf.ragged.boolean_mask(tf.gather(names, ids), ids != PADDING_ID)
        return {"text": join(tokens, tokenization)}

    return generate


def build_stream(model, vocabulary, tokenization):
    """Returns the function that a served model runs for one token more.

    It takes `prompt`, strings `(batch,)`, which it reads; a carry, which is all it
    knows of what came before: `token_ids` `(batch, tokens)`, int32, rows padded with 0,
    and the state `h_1`, `c_1`, ..., `(batch, units)`; and the settings of `choose`,
    each `(batch,)`. The first carry has no tokens, and zeros. It returns `text`,
    strings `(batch,)`, the piece that goes on with what is written; `ended`, bool
    `(batch,)`, whether the text ends here; and the next carry, which has the new token.
    With one and the same seed the pieces make up what `generate` writes.
    """
    read, size = build_read(model), len(vocabulary)
    start = start_id(vocabulary, tokenization)
    end = _end_id(vocabulary, tokenization)
    names = tf.constant(vocabulary.tokens)
    states = [
        tf.TensorSpec([None, state.shape[1]], "float32", state.name)
        for state in model.inputs[1:]
    ]
    specs = [
        *_specs(prompt="string", **DTYPES),
        tf.TensorSpec([None, None], "int32", "token_ids"),
        *states,
    ]

    @tf.function(autograph=False, input_signature=specs)
    def stream(
        prompt, temperature, top_k, top_p, repetition_penalty, seed, carried, *state
    ):
        known = tf.ragged.boolean_mask(carried, carried != PADDING_ID)
        given = tf.cast(token_ids(prompt, vocabulary, tokenization), "int32")
        # The last token known was not read yet; before a text stands its start.
        begun = tf.concat([tf.fill([tf.shape(prompt)[0], 1], start), known], axis=1)
        logits, state = read(begun[:, -1:].flat_values, given, list(state))
        known = tf.concat([known, given], axis=1)
        length = tf.cast(known.row_lengths(), "int32")
        settings = (temperature, top_k, top_p, repetition_penalty)
        seeds = tf.stack([seed, length], axis=-1)
        ids = choose(logits, count(known, size), *settings, seeds)
        more = tf.concat([known, ids[:, tf.newaxis]], axis=1)
        over = ids == end
        before = join(_named(known, names), tokenization)
        whole = join(_named(more, names), tokenization)
        text = tf.strings.substr(
            whole,
            tf.minimum(tf.strings.length(before), tf.strings.length(whole)),
            tf.strings.length(whole),
        )
        return {
            "text": tf.where(over, "", text),
            "ended": over,
            "token_ids": more.to_tensor(),
            **{spec.name: new for spec, new in zip(states, state, strict=True)},
        }

    return stream


def _named(ids, names):
    return ids.with_flat_values(tf.gather(names, ids.flat_values))
