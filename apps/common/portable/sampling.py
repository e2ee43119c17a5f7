"""Samples from a language model; defaults and bounds of the settings, their flags."""

import math
from typing import NamedTuple

import numpy as np

from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import PADDING_ID, UNKNOWN_ID
from apps.common.portable.philox import uniform


class Setting(NamedTuple):
    """A setting: default, dtype, minimum, maximum and the help text of its flag."""

    default: float
    dtype: str
    minimum: float
    maximum: float
    help: str


SETTINGS = {
    "temperature": Setting(
        0.8, "float32", 0, math.inf, "divides the logits; 0: always the likeliest token"
    ),
    "top_k": Setting(
        0, "int32", 0, 2**31 - 1, "samples from the N likeliest tokens; 0: from all"
    ),
    "top_p": Setting(
        0.95,
        "float32",
        0,
        1,
        "samples from the top tokens whose probabilities sum to X",
    ),
    "repetition_penalty": Setting(
        1.1, "float32", 2**-126, math.inf, "makes repeated tokens less likely; 1: off"
    ),
    "seed": Setting(
        1, "int32", -(2**31), 2**31 - 1, "random seed; the same one repeats the text"
    ),
}


def add_arguments(add_argument, max_tokens):
    """Adds `--max-tokens` and a flag for each setting to a parser.

    Args:
        add_argument: The method of an `ArgumentParser`.
        max_tokens: Default of `--max-tokens`.
    """
    add_argument(
        "--max-tokens",
        type=int,
        default=max_tokens,
        metavar="N",
        help="maximum number of tokens (default: %(default)s)",
    )
    for name, setting in SETTINGS.items():
        number = int if setting.dtype == "int32" else float
        add_argument(
            f"--{name.replace('_', '-')}",
            type=number,
            default=number(setting.default),
            metavar="N" if number is int else "X",
            help=f"{setting.help} (default: %(default)s)",
        )


def check_settings(settings, max_tokens, as_flag=False):
    """Raises ValueError if a setting is not a number within its bounds.

    Args:
        settings: Values by the names in `SETTINGS`.
        max_tokens: Maximum number of tokens.
        as_flag: Whether messages name a setting by its command-line flag.
    """
    for name, value in {"max_tokens": max_tokens, **settings}.items():
        if not is_allowed(name, value):
            shown = f"--{name.replace('_', '-')}" if as_flag else name
            raise ValueError(f"{shown}: {expectation(name)} Received: {value}.")


def check_columns(**settings):
    """Raises ValueError if a setting of a row, by name, is not within its bounds."""
    for name, column in settings.items():
        if not np.all(is_allowed(name, column)):
            raise ValueError(f"{name}: {expectation(name)}")


def is_allowed(name, value):
    """Returns whether a number is within a setting's bounds; NaN is not.

    Of an array or a tensor, it returns this for each number.
    """
    minimum, maximum = _bounds(name)
    is_finite = value < maximum if maximum == math.inf else value <= maximum
    return (value >= minimum) & is_finite


def expectation(name):
    """Returns the part of a message that names a setting's bounds."""
    minimum, maximum = _bounds(name)
    lowest = "above 0" if 0 < minimum < 1 else f"{minimum} or more"
    highest = "" if maximum == math.inf else f", at most {maximum}"
    return f"expected a number, {lowest}{highest}."


def _bounds(name):
    if name == "max_tokens":
        return 0, math.inf
    return SETTINGS[name].minimum, SETTINGS[name].maximum


def choose(logits, seen, temperature, top_k, top_p, repetition_penalty, seed):
    """Samples the next token of each row: temperature, top-k, top-p, penalty.

    Args:
        logits: float32 `(batch, vocabulary_size)`.
        seen: Number of occurrences of each token so far, `(batch, vocabulary_size)`.
        temperature: Divisor of the logits, `(batch,)`; 0 takes the most probable token.
        top_k: Number of most probable tokens to sample from, `(batch,)`; 0 keeps all.
        top_p: Nucleus sampling (Holtzman et al. 2020): the most probable tokens are
            kept until their sum reaches this probability, at least one, `(batch,)`; 1
            keeps all.
        repetition_penalty: Factor by which the logits of tokens that occurred are
            lowered (Keskar et al. 2019), `(batch,)`; 1 disables it.
        seed: Seed of each row, int32 `(batch, 2)`.

    Returns:
        Token ids, `(batch,)` int32. Padding and the unknown token are never drawn.
    """
    penalty = np.asarray(repetition_penalty, "float32")[:, np.newaxis]
    punished = np.where(logits > 0, logits / penalty, logits * penalty)
    logits = np.where(seen > 0, punished, logits)
    logits[:, [PADDING_ID, UNKNOWN_ID]] = MASKED
    ids = np.argmax(logits, axis=-1).astype("int32")
    for row in np.flatnonzero(np.asarray(temperature) > 0):
        scores = _kept(logits[row], temperature[row], top_k[row], top_p[row])
        noise = -np.log(-np.log(uniform(len(scores), seed[row])))
        ids[row] = np.argmax(scores + noise)  # the Gumbel-max trick
    return ids


def _kept(logits, temperature, top_k, top_p):
    """Returns a row's logits over the temperature; masks what is not sampled from."""
    scaled = logits / np.maximum(np.float32(temperature), np.float32(1e-6))
    scaled -= scaled.max()
    ranked = np.sort(scaled)[::-1]
    probabilities = np.exp(ranked)
    probabilities /= probabilities.sum()
    before = np.concatenate([[np.float32(0)], np.cumsum(probabilities[:-1])])
    by_p = np.count_nonzero(before < np.float32(top_p))
    by_k = top_k if top_k > 0 else len(ranked)
    kept = np.clip(min(by_p, by_k), 1, len(ranked))
    return np.where(scaled >= ranked[kept - 1], scaled, np.float32(MASKED))
