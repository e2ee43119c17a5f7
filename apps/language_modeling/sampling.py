"""Samples texts from a language model, inside the graph of a served model."""

import tensorflow as tf

from apps.common.layers.state import zero_state
from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import END, PADDING_ID, UNKNOWN_ID
from apps.common.portable.sampling import SETTINGS, expectation, is_allowed
from apps.language_modeling.text import has_end_token, join, start_id, token_ids

MOST_TOKENS = 10_000  # maximum of `max_tokens` in one call


def choose(logits, seen, temperature, top_k, top_p, repetition_penalty, seed):
    """Samples the next token of each row: temperature, top-k, top-p, penalty.

    The arguments and the result are those of `apps.common.portable.sampling.choose`,
    with tensors for arrays.
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
    """Returns a function that takes one timestep.

    It takes `token_ids` `(batch,)` and the state, a list of tensors. It returns the
    logits of the next token, `(batch, vocabulary_size)`, and the new state.
    """

    def step(ids, state):
        logits, *state = model([ids[:, tf.newaxis], *state], training=False)
        return tf.cast(logits[:, 0], "float32"), state

    return step


def build_read(model):
    """Returns a function that reads rows of different lengths.

    It takes the first token of each row `(batch,)`, the later ones, ragged `(batch,
    tokens)`, and the state, a list of tensors. It returns the logits after each row's
    last token, `(batch, vocabulary_size)`, and the new state.
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
    """Counts each of `size` tokens in ragged rows of ids: `(batch, size)`."""
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


def _check_settings(*columns):
    """Fails if a setting of a row is not within its bounds."""
    for name, column in zip(SETTINGS, columns, strict=True):
        tf.debugging.assert_equal(
            tf.reduce_all(is_allowed(name, column)),
            True,
            f"{name}: {expectation(name)}",
        )


def build_generate(model, vocabulary, tokenization):
    """Returns the `tf.function` that continues prompts.

    It takes `prompt`, strings `(batch,)`, `max_tokens`, int32 `(batch,)`, and the
    settings of `choose`, each `(batch,)`. It returns `text`, strings `(batch,)`,
    without the prompts. Except with characters, a text ends at the end token.
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
        _check_settings(temperature, top_k, top_p, repetition_penalty, seed)
        batch = tf.shape(prompt)[0]
        ids = tf.cast(token_ids(prompt, vocabulary, tokenization), "int32")
        logits, state = read(tf.fill([batch], start), ids, zero_state(model, batch))
        seen, prompt_length = count(ids, size), tf.cast(ids.row_lengths(), "int32")

        def body(t, logits, state, seen, open_, written):
            settings = (temperature, top_k, top_p, repetition_penalty)
            seeds = tf.stack([seed, prompt_length + t], axis=-1)
            ids = choose(logits, seen, *settings, seeds)
            open_ = open_ & (t < max_tokens) & (ids != end)
            written = written.write(t + 1, tf.where(open_, ids, PADDING_ID))
            logits, state = step(ids, state)
            return t + 1, logits, state, seen + tf.one_hot(ids, size), open_, written

        steps = tf.reduce_max(tf.concat([max_tokens, [0]], axis=0))
        written = tf.TensorArray("int32", 0, dynamic_size=True, element_shape=[None])
        written = written.write(0, tf.zeros_like(seed))  # padding, so never empty
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
    """Returns the `tf.function` that reads a prompt and generates one token.

    It takes `prompt`, strings `(batch,)`, the settings of `choose`, each `(batch,)`,
    and a carry. The carry is `token_ids`, int32 `(batch, tokens)`, the text so far,
    padded with 0, and the state `h_1`, `c_1`, ..., each `(batch, units)`. The first
    carry has no tokens and a state of zeros.

    It returns `text`, strings `(batch,)`, the next piece of the text; `ended`, bool
    `(batch,)`, True at the end of the text; and the next carry with the new token.
    With the same seed the pieces concatenate to the text of `generate`.
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
        _check_settings(temperature, top_k, top_p, repetition_penalty, seed)
        known = tf.ragged.boolean_mask(carried, carried != PADDING_ID)
        ids = tf.cast(token_ids(prompt, vocabulary, tokenization), "int32")
        # The last known token, or the start token of a new text, is not read yet.
        begun = tf.concat([tf.fill([tf.shape(prompt)[0], 1], start), known], axis=1)
        logits, state = read(begun[:, -1:].flat_values, ids, list(state))
        known = tf.concat([known, ids], axis=1)
        length = tf.cast(known.row_lengths(), "int32")
        settings = (temperature, top_k, top_p, repetition_penalty)
        seeds = tf.stack([seed, length], axis=-1)
        ids = choose(logits, count(known, size), *settings, seeds)
        more = tf.concat([known, ids[:, tf.newaxis]], axis=1)
        ended = ids == end
        old = join(_named(known, names), tokenization)
        new = join(_named(more, names), tokenization)
        text = tf.strings.substr(
            new,
            tf.minimum(tf.strings.length(old), tf.strings.length(new)),
            tf.strings.length(new),
        )
        return {
            "text": tf.where(ended, "", text),
            "ended": ended,
            "token_ids": more.to_tensor(),
            **{spec.name: tensor for spec, tensor in zip(states, state, strict=True)},
        }

    return stream


def _named(ids, names):
    return ids.with_flat_values(tf.gather(names, ids.flat_values))
