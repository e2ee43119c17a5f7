"""Which files are sounds, and what is said about others."""

import pytest

from apps.speech_commands.audio_files import sound_rows

BYTES = {
    "x.m4a": b"\x00\x00\x00\x20ftypM4A ",
    "x.webm": b"\x1aE\xdf\xa3\x9fB\x86\x81",
    "x.amr": b"#!AMR\n\x3c\x91\x17\x16\xbe",
}


@pytest.mark.parametrize("name", BYTES)
def test_a_file_of_another_audio_format_is_named_as_such(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(BYTES[name])
    message = rf"{name}: not audio in a known format \(\.wav, .*, nor a list of files"
    with pytest.raises(ValueError, match=message):
        sound_rows(path)


def test_a_list_of_files_is_no_sound(tmp_path):
    for name in ("a.txt", "list", "b.csv"):
        path = tmp_path / name
        path.write_bytes("Zoë.wav\n".encode() * 2000)
        assert sound_rows(path) == []
    assert sound_rows(tmp_path / "none.txt") == []
