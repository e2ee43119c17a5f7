"""What encoding bytes look like, and how a user's text file is opened."""

import pytest

from apps.common.portable.encodings import is_encoding, looks_like
from apps.common.portable.files import open_text

GERMAN = "Der Fluß fließt über große Steine — „schön“, sagt Jürgen.\n"
RUSSIAN = "Хороший фильм, смотреть всем.\n"
SAMPLES = {
    "utf-8": GERMAN.encode(),
    "a byte order mark": b"\xef\xbb\xbfPlain.\n",
    "utf-16": GERMAN.encode("utf-16"),
    "utf-16-le": GERMAN.encode("utf-16-le"),
    "utf-16-be": GERMAN.encode("utf-16-be"),
    "utf-16-le, Cyrillic": (RUSSIAN * 40).encode("utf-16-le"),
    "utf-32": GERMAN.encode("utf-32"),
    "cp1252": GERMAN.encode("cp1252"),
    "cp1252, one letter": b"caf\xe9\n",
    "cp1251": RUSSIAN.encode("cp1251"),
    "koi8-r": RUSSIAN.encode("koi8-r"),
    "cp1251, one word": f"{'plain ' * 99}текст".encode("cp1251"),
    "gb18030": "这是一部很好的电影。\n".encode("gb18030"),
    "shift_jis": "とても良い映画でした。\n".encode("shift_jis"),
    "an image": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x81\x8d",
}
EXPECTED = {
    "a byte order mark": "utf-8",
    "utf-16-le, Cyrillic": "utf-16-le",
    "cp1252, one letter": "cp1252",
    **dict.fromkeys(("cp1251", "cp1251, one word", "koi8-r", "gb18030", "shift_jis")),
    "an image": None,
}


@pytest.mark.parametrize("name", SAMPLES)
def test_what_bytes_look_like_is_one_of_few_encodings_or_unknown(name):
    assert looks_like(SAMPLES[name]) == EXPECTED.get(name, name)


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "cp1252", "utf-16", "shift_jis"])
def test_encodings_of_text_are_known(name):
    assert is_encoding(name)


@pytest.mark.parametrize(
    "name", ["", "utf-9", "rot13", "base64", "hex", "undefined", "utf-8\0"]
)
def test_what_encodes_no_text_is_no_encoding(name):
    assert not is_encoding(name)


def read(path, content, encoding=None):
    path.write_bytes(content)
    with open_text(path, encoding) as file:
        return file.read()


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        *(("utf-8", "utf-8-sig"), ("utf-16-le", "utf-16"), ("utf-16", "utf-16-le")),
        *(("utf-16", "utf-16-be"), ("utf-16-be", "utf-16"), ("UTF-32-LE", "utf-32")),
    ],
)
def test_a_byte_order_mark_may_be_there_or_not(encoding, written, tmp_path):
    content = GERMAN.encode(written)
    assert read(tmp_path / "a.txt", content, encoding) == GERMAN


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"a\ncaf\xe9\n", None, ":2: not UTF-8. It looks like cp1252. Convert the fi"),
        (b"a\ncaf\xe9\n", "utf-8", ":2: not UTF-8. It looks like cp1252. Set data.enc"),
        (b"a\rb\rcaf\xe9 au lait\r", "utf-8", ":3: not UTF-8. It looks like cp1252."),
        (
            f"a\n{RUSSIAN}".encode("cp1251"),
            "utf-8",
            ":2: not UTF-8. Set data.encoding= to its encoding, such as cp1251",
        ),
        (
            GERMAN.encode("utf-16"),
            "cp1252",
            ":1: not cp1252. It looks like UTF-16. Set data.encoding=utf-16.",
        ),
        (
            "Plain letters".encode("utf-16-le"),  # and valid UTF-8
            "utf-8",
            ":1: not UTF-8. It looks like UTF-16-LE. Set data.encoding=utf-16-le.",
        ),
        (
            GERMAN.encode("utf-8-sig"),
            "cp1252",
            ":1: not cp1252. It looks like UTF-8. Set data.encoding=utf-8.",
        ),
        (
            f"a\n{GERMAN}".encode(),
            "ascii",
            ":2: not ascii. It looks like UTF-8. Set data.encoding=utf-8.",
        ),
        (
            f"a\n{GERMAN}".encode("cp1252"),
            "utf-16",
            ":1: not UTF-16. It looks like cp1252. Set data.encoding=cp1252.",
        ),
        ("电影很好看".encode("utf-16-le"), "utf-16", ":1: not UTF-16. Set data.enco"),
        (b"plain", "utf-16", ":1: not UTF-16. It looks like UTF-8. Set data.encoding"),
        ("ab\n\U0001f600".encode("utf-16-le")[:-1], "utf-16-le", ":2: not UTF-16-LE."),
    ],
)
def test_bytes_of_another_encoding_are_refused_with_the_way_out(
    content, encoding, message, tmp_path
):
    path = tmp_path / "a.txt"
    with pytest.raises(ValueError, match="not ") as refused:
        read(path, content, encoding)
    assert str(refused.value).startswith(f"{path}{message}")


def test_a_file_that_looks_like_utf8_but_is_read_otherwise_is_named(tmp_path, capsys):
    read(tmp_path / "a.txt", GERMAN.encode(), "latin-1")
    assert "a.txt: read as latin-1, but it looks like UTF-8." in capsys.readouterr().err
    read(tmp_path / "b.txt", GERMAN.encode("cp1252"), "cp1252")
    assert capsys.readouterr().err == ""
