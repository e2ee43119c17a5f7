"""Settings of sampling from a language model: defaults, bounds, command-line flags."""

import math
from typing import NamedTuple


class Setting(NamedTuple):
    """One setting: its default, its type, the least and the most that it may be."""

    default: float
    dtype: str
    least: float
    most: float
    help: str


SETTINGS = {
    "temperature": Setting(
        0.8, "float32", 0, math.inf, "divides the logits; 0 takes the likeliest token"
    ),
    "top_k": Setting(
        0, "int32", 0, 2**31 - 1, "draw from the K likeliest tokens; 0: from all"
    ),
    "top_p": Setting(
        0.95, "float32", 0, 1, "draw from the likeliest tokens of this probability"
    ),
    "repetition_penalty": Setting(
        1.1, "float32", 2**-126, math.inf, "makes earlier tokens less likely; 1: off"
    ),
    "seed": Setting(
        1, "int32", -(2**31), 2**31 - 1, "the same seed draws the same text"
    ),
}


def add_arguments(parser, max_tokens):
    """Adds a flag for each setting, and `--max-tokens` with this default."""
    parser.add_argument(
        "--max-tokens",
        type=int,
        default=max_tokens,
        metavar="N",
        help="maximum number of tokens (default: %(default)s)",
    )
    for name, setting in SETTINGS.items():
        kind = int if setting.dtype == "int32" else float
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            default=kind(setting.default),
            metavar="N" if kind is int else "X",
            help=f"{setting.help} (default: %(default)s)",
        )


def check_settings(settings, max_tokens, as_flag=False):
    """Raises ValueError if a setting is not a number within its bounds.

    Args:
        settings: Values by the names in `SETTINGS`.
        max_tokens: Maximum number of tokens.
        as_flag: Whether messages name settings as on the command line.
    """
    bounds = {name: (s.least, s.most) for name, s in SETTINGS.items()}
    bounds["max_tokens"] = (0, math.inf)
    for name, value in {"max_tokens": max_tokens, **settings}.items():
        least, most = bounds[name]
        if least <= value <= most and value < math.inf:
            continue
        shown = f"--{name.replace('_', '-')}" if as_flag else name
        lowest = "above 0" if 0 < least < 1 else f"{least} or more"
        highest = "" if most == math.inf else f", at most {most}"
        raise ValueError(
            f"{shown}: expected a number, {lowest}{highest}. Received: {value}."
        )
