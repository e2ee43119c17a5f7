"""Generates a text from a prompt, token by token."""

import argparse
import sys
from pathlib import Path

import tensorflow as tf

from apps.common.data.text import encoded
from apps.common.layers.state import zero_state
from apps.common.portable.patterns import UNKNOWN
from apps.common.portable.sampling import add_arguments, check_settings
from apps.common.portable.terminal import report_errors
from apps.language_modeling.predict import Predictor
from apps.language_modeling.sampling import DTYPES
from apps.language_modeling.text import token_ids


def write_text(directory, prompt, settings, max_tokens, write):
    """Generates a text and writes it piece by piece, the prompt first.

    Args:
        directory: Run directory of a finished training.
        prompt: A string; may be empty.
        settings: A number for each name in `DTYPES`.
        max_tokens: Maximum number of tokens to generate.
        write: Function that is called with each piece.
    """
    predictor = Predictor.load(directory)
    stream, vocabulary = predictor.stream, predictor.vocabulary
    prompt_ids = token_ids(encoded([prompt]), vocabulary, predictor.tokenization)
    tokens = [vocabulary.tokens[i] for i in prompt_ids.flat_values.numpy()]
    if UNKNOWN in tokens:
        print(f"Prompt as tokens: {' '.join(tokens)}", file=sys.stderr)
    settings = [tf.constant([settings[name]], dtype) for name, dtype in DTYPES.items()]
    carry = [tf.zeros([1, 0], "int32"), *zero_state(predictor.model, 1)]
    carry_names = [spec.name for spec in stream.input_signature[-len(carry) :]]
    write(prompt)
    text = encoded([prompt])
    for _ in range(max_tokens):
        outputs = stream(text, *settings, *carry)
        if outputs["ended"][0]:
            break
        write(outputs["text"][0].numpy().decode())
        text, carry = encoded([""]), [outputs[name] for name in carry_names]
    write("\n")


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.language_modeling.generate", description=__doc__
    )
    parser.add_argument("run", type=Path, help="run directory of a finished training")
    parser.add_argument("prompt", nargs="?", default="", help="how the text begins")
    add_arguments(parser.add_argument, max_tokens=100)
    options = parser.parse_args(arguments)
    with report_errors():
        settings = {name: getattr(options, name) for name in DTYPES}
        check_settings(settings, options.max_tokens, as_flag=True)
        write_text(
            options.run,
            options.prompt,
            settings,
            options.max_tokens,
            lambda piece: print(piece, end="", flush=True),
        )


if __name__ == "__main__":
    main()
