r"""Patterns and special tokens of the rules in docs/tokens.md, once for every engine.

The patterns mean the same to RE2 (TensorFlow) and to `regex`, hence their wording:
`\s` and `\p{C}` differ (RE2's `\p{C}` has no unassigned code points), and only
`sub` here knows `\b` and `\z` of both. What needs more than these patterns stands
twice, since RE2 cannot look ahead: the split into words (`tokens.py`, `data/text.py`).
"""

from apps.common.portable.scripts import CHARACTER, STOPS

PADDING, UNKNOWN, END = "<pad>", "<unk>", "<eos>"
PADDING_ID, UNKNOWN_ID = 0, 1
NEW_LINE = "<eol>"  # the token of "\n" with characters

WORD = r"[\p{L}\p{M}\p{N}]"  # a character of a word
BLANK = r"[\s\p{Z}\p{Cc}\p{Cf}\p{Co}]"  # all of `\s` is in Z or Cc
CONTRACTED = "s|re|ve|ll|d|m"  # words that are one token with the apostrophe before
LONG_MARKS = r"\.\.\.|--"
QUOTES = "[\u2018\u2019]"  # they become apostrophes
_SPACE = r"[\t\n\f\r ]*"

# Pairs of pattern and replacement, applied in order. Each character of a line break
# becomes a blank, so that the others keep their places.
LINE_BREAKS = (
    (f"<br({_SPACE})/>", r"   \1  "),
    (f"<br({_SPACE})>", r"   \1 "),
)
# Ends of sentences become line breaks; blanks around a text are removed.
SENTENCES = (
    (rf"{BLANK}*[{STOPS}\r\n](?:[{STOPS}]|{BLANK})*", "\n"),
    (rf"^{BLANK}+|{BLANK}+\z", ""),
)
# Rules that join words and punctuation. Later tokens do not change text that is
# already joined, so that a text can be shown while it is generated. A quotation mark
# without a partner opens a quotation.
_SCRIPT_JOINTS = (
    (r" ?([。、・「」『』《》〈〉【】]) ?", r"\1"),
    *[(f"({CHARACTER}) ({CHARACTER})", r"\1\2")] * 2,  # every second blank, the others
)
JOINTS = (
    (r'" ([^"]*?) ?"', r'"\1"'),
    (r'" ([^"]*)\z', r'"\1'),
    *_SCRIPT_JOINTS,
    (r" ([.,;:!?%)\]}])", r"\1"),
    (r"([(\[{$£€#]) ", r"\1"),
    (rf" (n't|'(?:{CONTRACTED}))\b", r"\1"),
    (r"([\p{L}\p{N}]) -( |\z)", r"\1-"),
    (r"(\p{N})([.:]) (\p{N})", r"\1\2\3"),
    (r"(\p{N}), (\p{N}{3})\b", r"\1,\2"),
)
ASCII_JOINTS = tuple(joint for joint in JOINTS if joint not in _SCRIPT_JOINTS)
LINE_JOINTS = ((" ?\n ?", "\n"),)
