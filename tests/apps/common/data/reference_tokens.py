"""The rules of docs/tokens.md once more, character by character in plain Python.

`python tests/apps/common/data/reference_tokens.py` writes the tokens of the texts in
`tokens.jsonl` anew. Read what changed before you commit it.
"""

import json
import unicodedata
from pathlib import Path

GOLDEN = Path(__file__).with_name("tokens.jsonl")
LETTERS = ("L", "M", "N")
CONTRACTED = ("s", "re", "ve", "ll", "d", "m")
SCRIPTS = (
    *("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "CJK RADICAL", "HANGZHOU NUMERAL"),
    *("IDEOGRAPHIC ITERATION", "IDEOGRAPHIC NUMBER", "IDEOGRAPHIC CLOSING"),
    *("VERTICAL IDEOGRAPHIC", "OLD CHINESE", "VIETNAMESE ALTERNATE", "HENTAIGANA"),
    *("HIRAGANA ", "KATAKANA", "BOPOMOFO ", "YI ", "THAI ", "LAO ", "KHMER "),
    *("MYANMAR ", "TAI ", "NEW TAI ", "JAVANESE ", "BALINESE "),
)


def normalized(text):
    """Returns `(character, start, end)` of a text's characters by the rules."""
    pieces = []
    for place, character in enumerate(text):
        if is_invisible(character):
            continue
        compatible = unicodedata.normalize("NFKD", character)
        if compatible[:1] == " " != compatible or "\u2044" in compatible:
            compatible = unicodedata.normalize("NFD", character)
        pieces += [(c if c == "Σ" else c.lower(), place) for c in compatible]
    characters = []
    for cluster in _clusters(pieces):
        composed = unicodedata.normalize("NFC", "".join(c for c, _ in cluster))
        places = [place for _, place in cluster]
        characters += [(c, places[0], places[-1] + 1) for c in composed]
    lower = "".join(c for c, *_ in characters).lower()  # a sigma may end its word
    return [(c, *rest) for c, (_, *rest) in zip(lower, characters, strict=True)]


def is_invisible(character):
    """Returns whether a character is removed."""
    return (
        unicodedata.category(character) == "Cf"
        or "VARIATION SELECTOR" in unicodedata.name(character, "")
        or character == "\u034f"
    )


def _clusters(pieces):
    """Yields runs of `(piece, place)` that end before a piece that composes no more."""
    cluster = []
    for piece in pieces:
        if cluster and not unicodedata.combining(piece[0]):
            together = "".join(c for c, _ in [*cluster, piece])
            before = "".join(c for c, _ in cluster)
            composed = unicodedata.normalize("NFC", together)
            if composed == unicodedata.normalize("NFC", before) + piece[0]:
                yield cluster
                cluster = []
        cluster.append(piece)
    if cluster:
        yield cluster


def tokens(text):
    """Returns the tokens of a text with their starts and ends."""
    characters = _without_line_breaks(normalized(text))
    found, place = [], 0

    def category(n):
        return unicodedata.category(characters[n][0])[0] if n < len(characters) else ""

    def word_end(n):
        while category(n) in LETTERS and not own_token(characters[n][0]):
            n += 1
        return n

    def add(begin, end):
        rows = characters[begin:end]
        found.append(("".join(c for c, *_ in rows), rows[0][1], rows[-1][2]))

    while place < len(characters):
        character, begin = characters[place][0], place
        if is_blank(character):
            place += 1
            continue
        if own_token(character):
            place += 1
            while category(place) == "M":
                place += 1
        elif category(place) in LETTERS:
            place = word_end(place)
            follows = "".join(c for c, *_ in characters[place : place + 2])
            if (
                characters[place - 1][0] == "n"
                and follows == "'t"
                and word_end(place + 1) == place + 2
            ):
                if place - 1 > begin:
                    add(begin, place - 1)
                begin, place = place - 1, place + 2
        elif (
            character == "'"
            and "".join(c for c, *_ in characters[place + 1 : word_end(place + 1)])
            in CONTRACTED
        ):
            place = word_end(place + 1)
        else:
            rest = "".join(c for c, *_ in characters[place : place + 3])
            place += 3 if rest == "..." else 2 if rest[:2] == "--" else 1
        add(begin, place)
    return found or [("<unk>", 0, 0)]


def own_token(character):
    """Returns whether a character belongs to a script without blanks."""
    name = unicodedata.name(character, "")
    return name.startswith(SCRIPTS) and unicodedata.category(character)[0] in LETTERS


def is_blank(character):
    """Returns whether a character separates tokens."""
    category = unicodedata.category(character)
    return category[0] == "Z" or category in ("Cc", "Co")


def _without_line_breaks(characters):
    """Replaces each character of `<br>`, `<br/>` and `<br />` by a blank."""
    text, place = "".join(c for c, *_ in characters), 0
    while (place := text.find("<br", place)) >= 0:
        end = place + 3
        while text[end : end + 1].isspace():
            end += 1
        end += text[end : end + 1] == "/"
        if text[end : end + 1] == ">":
            blanks = [(" ", *rest) for _, *rest in characters[place : end + 1]]
            characters = characters[:place] + blanks + characters[end + 1 :]
        place = end
    return [("'" if c in "\u2018\u2019" else c, *rest) for c, *rest in characters]


def golden():
    """Returns the cases of the golden file, `{about, text, tokens}`."""
    return [json.loads(line) for line in GOLDEN.read_text("utf-8").split("\n") if line]


def rewrite(cases):
    """Writes the golden file; what no one could see in it is escaped."""
    with GOLDEN.open("w", encoding="utf-8") as file:
        for case in cases:
            text = case["text"]
            row = {**case, "tokens": tokens(text)}
            plain = text.isprintable() and unicodedata.is_normalized("NFC", text)
            file.write(json.dumps(row, ensure_ascii=not plain) + "\n")


if __name__ == "__main__":
    rewrite(golden())
