"""Splits texts into tokens and joins them, by the rules of docs/tokens.md.

Plain Python, for one text instead of a batch. The results are those of the TensorFlow
operations in `apps/common/data/text.py` and in the apps. A text is a string, or
`bytes` of UTF-8.
"""

import functools
import operator
import re
from itertools import dropwhile

import regex

from apps.common.portable.patterns import (
    ASCII_JOINTS,
    BLANK,
    CONTRACTED,
    END,
    JOINTS,
    LINE_BREAKS,
    LINE_JOINTS,
    LONG_MARKS,
    NEW_LINE,
    QUOTES,
    SENTENCES,
    UNKNOWN,
    WORD,
)
from apps.common.portable.run_files import TOKEN_RULES
from apps.common.portable.scripts import CHARACTER, SCRIPTS
from apps.common.portable.unicode import normalized, normalized_characters

SEPARATOR = b"\x0b"  # white space that is no part of a line break of HTML


def valid_utf8(text):
    """Decodes `bytes`, with U+FFFD for each fault as TensorFlow has it.

    Unpaired surrogates of a string become question marks, as when it is sent.
    """
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def without_nul(text):
    """Replaces NUL by a blank."""
    return text.replace("\x00", " ")


def tokenize(text, rules=TOKEN_RULES):
    """Splits a text into lower-case words, numbers and punctuation.

    >>> tokenize("It isn't good!")
    ['it', 'is', "n't", 'good', '!']

    Args:
        text: A string or `bytes`.
        rules: Version of the rules; 1 neither normalizes Unicode nor splits scripts
            without blanks.

    Returns:
        A list of strings; `<unk>` alone if the text has no token.
    """
    text = without_nul(valid_utf8(text))
    lower = text.lower() if rules == 1 else normalized(text)
    return _splitter(lower, rules).findall(_prepared(lower)) or [UNKNOWN]


def tokenize_pieces(pieces):
    r"""Splits many short texts into tokens at once, faster than `tokenize` each.

    >>> tokenize_pieces([b"isn't", b"", b"Good!"])
    [b'is', b"n't", b'\x0b', b'\x0b', b'good', b'!', b'\x0b']

    Args:
        pieces: `bytes` of ASCII without white space.

    Returns:
        The tokens, a list of `bytes`; `SEPARATOR` follows those of each piece.
    """
    text = SEPARATOR.join([*pieces, b""]).lower()
    if b"<br" in text:  # NUL is a blank, too
        text = re.sub(rb"<br\0*/?>", b" ", text)
    return _pieces_splitter().findall(text)


def tokens_with_offsets(text, rules=TOKEN_RULES):
    """Splits a text into tokens with their places, as question answering reads it.

    By version 1 of the rules each mark of punctuation is a token, and what is between
    two of them is another; nothing is normalized.

    Args:
        text: A string or `bytes`.
        rules: Version of the rules.

    Returns:
        A list of `(token, start, end)` in Unicode characters. The token of a text
        without tokens is `<unk>` and begins and ends at 0.
    """
    text = valid_utf8(text)
    if rules == 1:
        located = [(m[0].lower(), *m.span()) for m in _first_rules().finditer(text)]
    else:
        lower, starts, ends = normalized_characters(without_nul(text))
        matches = _splitter(lower, rules).finditer(_prepared(lower))
        located = [(m[0], starts[m.start()], ends[m.end() - 1]) for m in matches]
    return located or [(UNKNOWN, 0, 0)]


def _prepared(text):
    """Replaces line breaks of HTML by blanks and quotes by apostrophes, in place."""
    if "<br" in text:
        text = _rewritten(text, LINE_BREAKS)
    return text if text.isascii() else _compiled(QUOTES).sub("'", text)


def _splitter(text, rules):
    """Returns the pattern whose matches are the tokens of a prepared text."""
    return _ascii_splitter() if text.isascii() else _unicode_splitter(rules)


@functools.cache
def _ascii_splitter():  # of the standard library, whose patterns are faster
    return re.compile("|".join(_tokens("[0-9a-z]")) + "|[!-~]")


@functools.cache
def _pieces_splitter():
    pattern = f"{_ascii_splitter().pattern}|{SEPARATOR.decode()}"
    return re.compile(pattern.encode())


@functools.cache
def _unicode_splitter(rules):
    visible = f"[^{BLANK[1:]}"
    if rules == 1:
        return regex.compile("|".join((*_tokens(WORD), visible)))
    parts = (
        rf"(?=\p{{M}})(?<=[[{SCRIPTS}]--{WORD}])\p{{M}}+",  # after their punctuation
        *_tokens(f"[[0-9a-z][{WORD}--[{SCRIPTS}]]]"),  # ASCII first is faster
        CHARACTER.replace("]", f"&&{WORD}]", 1),
        visible,
    )
    return regex.compile("|".join(parts), regex.VERSION1)


def _tokens(word):
    """Returns patterns of tokens; a word stops before the `n` of `n't`."""
    return (
        f"{word}+(?<!n(?='t(?!{word})))",
        "n't",  # elsewhere the word's pattern has taken the `n`
        f"'(?:{CONTRACTED})(?!{word})",
        LONG_MARKS,
    )


@functools.cache
def _first_rules():
    return regex.compile(f"{WORD}+|[^{BLANK[1:]}")


def join_words(tokens):
    """Joins words and punctuation into a text with the usual spacing.

    >>> join_words(["it", "is", "n't", "(", "yet", ")", "done", "."])
    "it isn't (yet) done."
    """
    text = _spaced(tokens)
    return _rewritten(text, ASCII_JOINTS if text.isascii() else JOINTS)


def tokens_of(text, tokenization, rules=TOKEN_RULES):
    """Splits a text into the tokens of a language model; an empty list if it has none.

    Args:
        text: A string or `bytes`.
        tokenization: "words", "spaces" or "characters".
        rules: Version of the rules for words.
    """
    if tokenization == "words":
        tokens = tokenize(text, rules)
        return [] if tokens == [UNKNOWN] else tokens
    text = without_nul(valid_utf8(text))
    if tokenization == "spaces":  # between blanks of ASCII
        return [token.decode() for token in text.encode().split()]
    return [NEW_LINE if character == "\n" else character for character in text]


def join(tokens, tokenization):
    """Joins the tokens of a language model into a text.

    Args:
        tokens: Strings.
        tokenization: "words", "spaces" or "characters".
    """
    if tokenization == "characters":
        return "".join("\n" if token == NEW_LINE else token for token in tokens)
    tokens = ["\n" if token == END else token for token in tokens]
    text = join_words(tokens) if tokenization == "words" else _spaced(tokens)
    return _rewritten(text, LINE_JOINTS)


def story_sentences(text, sentences):
    """Splits a story into sentences and returns the last ones.

    A sentence ends with one of `STOPS` or the end of a line. A story without text has
    one empty sentence.

    Args:
        text: A string or `bytes`.
        sentences: Maximum number of sentences.
    """
    return _rewritten(valid_utf8(text), _SENTENCES).split("\n")[-sentences:]


# A match begins where a run of blanks begins: without this, which RE2 has not, `regex`
# reads the rest of the run once for each of its blanks.
_SENTENCES = tuple((f"(?<!{BLANK})(?:{pattern})", new) for pattern, new in SENTENCES)


def _spaced(tokens):
    """Joins tokens with blanks; as in the graph, there is none after empty ones."""
    return " ".join(dropwhile(operator.not_, tokens))


def _rewritten(text, rewrites):
    for pattern, replacement in rewrites:
        text = _compiled(pattern).sub(replacement, text)
    return text


@functools.cache
def _compiled(pattern):
    r"""Compiles a pattern of RE2, whose `\b` knows the letters of ASCII only."""
    return regex.compile(pattern.replace(r"\b", r"(?a:\b)"))
