"""Scripts without blanks between their words, such as Chinese, Japanese and Thai."""

import regex

SCRIPTS = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Yi}\p{Thai}\p{Lao}\p{Khmer}"
    r"\p{Myanmar}\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Tham}\p{Tai_Viet}\p{Javanese}"
    r"\p{Balinese}〆ー"  # the last two belong to no script
)
# A character of these scripts, with its marks; for RE2 and for `regex`.
CHARACTER = rf"[{SCRIPTS}]\p{{M}}*"
PUNCTUATION = "。、・「」『』《》〈〉【】！？，；：（）"  # noqa: RUF001 - full width
STOPS = ".!?\u3002\uff01\uff1f"  # ends of sentences, those of these scripts included


def spaced(text):
    """Puts a blank before and after each character of a script without blanks.

    >>> spaced("ok 很好")
    'ok  很  好 '
    """
    return regex.sub(f"({CHARACTER})", r" \1 ", text)
