"""Goes on from a prompt, token by token."""

import argparse
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.common.data.text import UNKNOWN, encoded
from apps.common.layers.state import zero_state
from apps.common.portable.terminal import report_errors
from apps.language_modeling.predict import Predictor
from apps.language_modeling.sampling import SETTINGS
from apps.language_modeling.text import token_ids


def write_text(directory, prompt, settings, max_tokens, write):
    """Writes a text piece by piece while it is made, the prompt first.

    Args:
        directory: Run directory whose training has ended.
        prompt: A string; may be empty.
        settings: Numbers by the names in `SETTINGS`.
        max_tokens: Tokens to make at most.
        write: Takes each piece.
    """
    predictor = Predictor.load(directory)
    stream, vocabulary = predictor.stream, predictor.vocabulary
    known = token_ids(encoded([prompt]), vocabulary, predictor.kind)
    tokens = [vocabulary.tokens[i] for i in known.flat_values.numpy()]
    if UNKNOWN in tokens:
        print(f"Read as: {' '.join(tokens)}", file=sys.stderr)
    settings = [tf.constant([settings[name]], SETTINGS[name]) for name in SETTINGS]
    carry = [tf.zeros([1, 0], "int32"), *zero_state(predictor.model, 1)]
    carried = [spec.name for spec in stream.input_signature[-len(carry) :]]
    write(prompt)
    given = encoded([prompt])
    for _ in range(max_tokens):
        found = stream(given, *settings, *carry)
        if found["ended"][0]:
            break
        write(found["text"][0].numpy().decode())
        given, carry = encoded([""]), [found[name] for name in carried]
    write("\n")


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
    with report_errors():
        check_settings(options)
        write_text(
            options.run,
            options.prompt,
            {name: getattr(options, name) for name in SETTINGS},
            options.max_tokens,
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
