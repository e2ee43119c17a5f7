"""Goes on from a prompt, token by token."""

import argparse
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.common.terminal import clear_errors
from apps.common.text import END, PADDING_ID, UNKNOWN, UNKNOWN_ID
from apps.language_modeling.evaluate import load_run
from apps.language_modeling.model import zero_state
from apps.language_modeling.text import ended, join, start_id, token_ids

LOWEST = -1e9


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
    logits = tf.where(never, LOWEST, logits)
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
    scaled = tf.where(scaled >= lowest, scaled, LOWEST)
    uniform = tf.map_fn(
        lambda row: tf.random.stateless_uniform([size], row, 1e-7, 1.0),
        seed,
        fn_output_signature="float32",
    )
    drawn = scaled - tf.math.log(-tf.math.log(uniform))  # the Gumbel-max trick
    drawn = tf.argmax(drawn, axis=-1, output_type="int32")
    return tf.where(temperature > 0, drawn, best)


def stepping(model):
    """Returns the function that takes one token of each row.

    It takes `token_ids` `(batch,)` and the state, a list, and returns logits `(batch,
    vocabulary_size)` and the state after the token.
    """

    def step(ids, state):
        logits, *state = model([ids[:, tf.newaxis], *state], training=False)
        return tf.cast(logits[:, 0], "float32"), state

    return step


def reading(model, vocabulary, kind):
    """Returns the function that reads prompts `(batch,)`.

    Each begins as a text does, after the end of another. It returns logits `(batch,
    vocabulary_size)`, the state, and how often each token has occurred.
    """
    size = len(vocabulary)
    start, step = start_id(vocabulary, kind), stepping(model)

    def read(prompts):
        ids = tf.cast(token_ids(prompts, vocabulary, kind), "int32")
        lengths = tf.cast(ids.row_lengths(), "int32")
        ids = ids.to_tensor()
        batch = tf.shape(ids)[0]
        starts = tf.fill([batch], start)
        logits, state = step(starts, zero_state(model, batch))

        def body(t, logits, state):
            new_logits, new_state = step(ids[:, t], state)
            real = (t < lengths)[:, tf.newaxis]
            pairs = zip(new_state, state, strict=True)
            state = [tf.where(real, new, old) for new, old in pairs]
            return t + 1, tf.where(real, new_logits, logits), state

        _, logits, state = tf.while_loop(
            lambda t, *_: t < tf.shape(ids)[1], body, (0, logits, state)
        )
        seen = tf.reduce_sum(tf.one_hot(ids, size), axis=1)
        return logits, state, seen * tf.one_hot(PADDING_ID, size, 0.0, 1.0)

    return read


def generating(model, vocabulary, kind):
    """Returns the function that a served model runs: prompts in, texts out.

    Its settings are those of `choose`, each `(batch,)`, and `max_tokens`; it returns
    `text`, strings `(batch,)`, without the prompts. A text of words ends where the
    model ends it.
    """
    read, step, size = (
        reading(model, vocabulary, kind),
        stepping(model),
        len(vocabulary),
    )
    end = tf.cast(vocabulary.lookup(END), "int32") if ended(kind) else -1
    names = tf.constant(vocabulary.tokens)

    def spec(name, dtype):
        return tf.TensorSpec([None], dtype, name=name)

    @tf.function(
        input_signature=[
            spec("prompt", "string"),
            spec("max_tokens", "int32"),
            spec("temperature", "float32"),
            spec("top_k", "int32"),
            spec("top_p", "float32"),
            spec("repetition_penalty", "float32"),
            spec("seed", "int32"),
        ]
    )
    def generate(
        prompt, max_tokens, temperature, top_k, top_p, repetition_penalty, seed
    ):
        logits, state, seen = read(prompt)

        def body(t, logits, state, seen, open_, written):
            settings = (temperature, top_k, top_p, repetition_penalty)
            seeds = tf.stack([seed, tf.fill(tf.shape(seed), t)], axis=-1)
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
        return {"text": join(tokens, kind)}

    return generate


def stream(directory, prompt, settings, max_tokens, seed, write):
    """Writes a text piece by piece while it is made, the prompt first.

    Args:
        directory: Run directory whose training has ended.
        prompt: A string; may be empty.
        settings: temperature, top_k, top_p and repetition_penalty, numbers.
        max_tokens: Tokens to make at most.
        seed: Another seed, another text.
        write: Takes each piece.
    """
    config, model, vocabulary = load_run(directory)
    kind = config.data.tokens
    read = tf.function(reading(model, vocabulary, kind))
    step, draw = tf.function(stepping(model)), tf.function(choose)
    end = int(vocabulary.lookup(END)) if ended(kind) else -1
    known = token_ids(tf.constant([prompt]), vocabulary, kind)
    tokens = [vocabulary.tokens[i] for i in known.flat_values.numpy()]
    if UNKNOWN in tokens:
        print(f"Read as: {' '.join(tokens)}", file=sys.stderr)
    logits, state, seen = read(tf.constant([prompt]))
    shown = prompt
    write(shown)
    made = []
    for t in range(max_tokens):
        ids = draw(logits, seen, *settings, tf.constant([[seed, t]]))
        if int(ids[0]) == end:
            break
        made.append(vocabulary.tokens[int(ids[0])])
        text = _after(prompt, tokens, made, kind)
        if text.startswith(shown):
            write(text[len(shown) :])
            shown = text
        logits, state = step(ids, state)
        seen += tf.one_hot(ids, len(vocabulary))
    write("\n")


def _after(prompt, tokens, made, kind):
    """Returns the prompt and, joined to it as people write, the tokens made."""
    before, whole = (
        join(tf.ragged.constant([words]), kind).numpy()[0].decode()
        for words in (tokens or [""], [*tokens, *made])
    )
    return prompt + whole[len(before) :]


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.language_modeling.generate", description=__doc__
    )
    parser.add_argument("run", type=Path, help="run directory of a finished training")
    parser.add_argument("prompt", nargs="?", default="", help="how the text begins")
    add = parser.add_argument
    add("--max-tokens", type=int, default=100, help="tokens at most (default: 100)")
    add("--temperature", type=float, default=0.8, help="0: always the most probable")
    add("--top-k", type=int, default=0, help="draw from so many tokens; 0: from all")
    add("--top-p", type=float, default=0.95, help="draw from this much probability")
    add("--repetition-penalty", type=float, default=1.1, help="1: none")
    add("--seed", type=int, default=1, help="another seed, another text")
    options = parser.parse_args(arguments)
    with clear_errors():
        check_settings(options)
        stream(
            options.run,
            options.prompt,
            [
                tf.constant([options.temperature]),
                tf.constant([options.top_k]),
                tf.constant([options.top_p]),
                tf.constant([options.repetition_penalty]),
            ],
            options.max_tokens,
            options.seed,
            lambda piece: print(piece, end="", flush=True),
        )


def check_settings(options):
    """Raises `ValueError` for what cannot be meant."""
    for name, lowest in (
        ("max_tokens", 0),
        ("temperature", 0),
        ("top_k", 0),
        ("top_p", 0),
        ("repetition_penalty", np.finfo("float32").tiny),
    ):
        value = getattr(options, name)
        if not lowest <= value < np.inf:
            least = "above 0" if name == "repetition_penalty" else "0 or more"
            raise ValueError(
                f"--{name.replace('_', '-')}: expected a number, {least}. "
                f"Received: {value}."
            )
    if options.top_p > 1:
        raise ValueError(f"--top-p: expected at most 1. Received: {options.top_p}.")


if __name__ == "__main__":
    main()
