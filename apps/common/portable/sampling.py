"""Settings of sampling from a language model: defaults, bounds, command-line flags."""

import math
from typing import NamedTuple


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
    bounds = {name: (s.minimum, s.maximum) for name, s in SETTINGS.items()}
    bounds["max_tokens"] = (0, math.inf)
    for name, value in {"max_tokens": max_tokens, **settings}.items():
        minimum, maximum = bounds[name]
        if minimum <= value <= maximum and value < math.inf:
            continue
        shown = f"--{name.replace('_', '-')}" if as_flag else name
        lowest = "above 0" if 0 < minimum < 1 else f"{minimum} or more"
        highest = "" if maximum == math.inf else f", at most {maximum}"
        raise ValueError(
            f"{shown}: expected a number, {lowest}{highest}. Received: {value}."
        )
