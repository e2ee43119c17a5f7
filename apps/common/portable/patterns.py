r"""Patterns and special tokens of the rules in docs/tokens.md, once for every engine.

RE2 (TensorFlow) and `regex` read each pattern alike. Hence no `\s`, and no `\p{C}`,
which has unassigned code points in `regex` only. `tokens.py` gives `\b` its meaning in
RE2. The split into words stands twice, there and in `data/text.py`: RE2 has no
look-ahead.
"""

from apps.common.portable.scripts import CHARACTER, STOPS

PADDING, UNKNOWN, END = "<pad>", "<unk>", "<eos>"
PADDING_ID, UNKNOWN_ID = 0, 1
NEW_LINE = "<eol>"  # the token of "\n" with characters

WORD = r"[\p{L}\p{M}\p{N}]"  # a character of a word
BLANK = r"[\p{Z}\p{Cc}\p{Cf}\p{Co}]"  # what separates tokens; line breaks are in Cc
CONTRACTED = "s|re|ve|ll|d|m"  # words that are one token with the apostrophe before
LONG_MARKS = r"\.\.\.|--"
QUOTES = "[\u2018\u2019]"  # they become apostrophes
_SPACE = r"[\t\n\f\r ]*"  # RE2's `\s*`

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
    # Joins every second blank, then the others. Characters without a blank match, too:
    # else `regex` would read the marks of a long run once for each of them.
    *[(f"({CHARACTER})(?: ({CHARACTER}))?", r"\1\2")] * 2,
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
