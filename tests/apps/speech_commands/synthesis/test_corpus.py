"""The synthetic voices: who is in which split, and the cache."""

import ctypes.util
import platform
import shutil

import numpy as np
import pytest

from apps.common.portable.terminal import report_once
from apps.speech_commands.config import DataConfig
from apps.speech_commands.data import load_data
from apps.speech_commands.synthesis import clips
from apps.speech_commands.synthesis import corpus as synthetic
from apps.speech_commands.synthesis.voices import ACCENTS, made_up_variant, voices_of

VARIANTS = [f"voice{chr(97 + n)}{m}" for n in range(26) for m in ("", "2", "3")]


def test_no_variant_is_in_two_splits_and_none_is_left_out():
    splits = [voices_of(s, VARIANTS) for s in ("train", "validation", "test")]
    variants = [{voice.split("+")[1] for voice in voices} for voices in splits]
    assert sum(map(len, variants)) == len(set.union(*variants)) == len(VARIANTS)
    for voices, names in zip(splits, variants, strict=True):
        assert len(voices) == len(ACCENTS) * len(names)


def test_variants_that_differ_in_a_number_stay_together():
    for split in ("train", "validation", "test"):
        names = {
            voice.split("+")[1].rstrip("23") for voice in voices_of(split, VARIANTS)
        }
        variants = {voice.split("+")[1] for voice in voices_of(split, VARIANTS)}
        assert {name + end for name in names for end in ("", "2", "3")} == variants


def test_variants_that_are_nearly_the_same_stay_together():
    related = ["john", "Mr serious", "Tweaky", "norbert", "michel", "Diogo"]
    for split in ("train", "validation", "test"):
        variants = {voice.split("+")[1] for voice in voices_of(split, related)}
        assert len(variants & set(related[:4])) in (0, 4)
        assert len(variants & set(related[4:])) in (0, 2)


def test_made_up_variants_are_the_same_every_time_and_differ():
    first, again = (made_up_variant(np.random.default_rng(3)) for _ in range(2))
    assert first == again
    rng = np.random.default_rng(3)
    texts = [made_up_variant(rng) for _ in range(50)]
    assert len(set(texts)) == 50
    for text in texts:
        lines = [line.split() for line in text.splitlines()]
        assert lines[0] == ["language", "variant"]
        formants = [line[1:] for line in lines if line[0] == "formant"]
        assert [int(number) for number, *_ in formants] == list(range(9))
        assert all(20 <= int(value) <= 170 for _, *v in formants for value in v)


def test_the_cache_is_read_without_the_library(synthetic_speech, monkeypatch):
    monkeypatch.setattr(clips, "Synthesizer", None)
    data = load_data(DataConfig())
    assert data.labels == sorted([*synthetic.WORDS, "_silence_", "_unknown_"])
    assert data.train.waves.shape == (48, 16000)
    assert (data.test.snr_db >= 0).all()
    assert (data.test.snr_db <= 20).all()
    assert data.test.noise.shape == (2, 40000)
    spoken = np.abs(data.train.waves) > 1000
    assert (np.sum(spoken, axis=1) < 4100).all()  # a quarter of a second each


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_damaged_clips_in_the_cache_are_named(
    damage, synthetic_speech, monkeypatch, tmp_path
):
    monkeypatch.setenv("CAROUSEL_CACHE", str(tmp_path))
    shutil.copytree(synthetic_speech, synthetic.cached_at())
    path = synthetic.cached_at() / "train.npz"
    whole = bytearray(path.read_bytes())
    if damage == "changed":
        for n in range(400, 480):  # within the samples of the first clip
            whole[n] ^= 0xFF
    path.write_bytes(whole[: {"cut": 5000, "empty": 0}.get(damage)])
    with pytest.raises(ValueError, match=r"train\.npz: the file is damaged") as caught:
        load_data(DataConfig())
    assert f"Remove {path.parent}; the next run generates" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_settings_have_another_place_in_the_cache(monkeypatch):
    before = synthetic.cached_at()
    monkeypatch.setattr(synthetic, "WORDS", (*synthetic.WORDS, "stay"))
    assert synthetic.cached_at() != before


def test_without_espeak_ng_no_clips_are_made(monkeypatch, tmp_path):
    monkeypatch.setenv("CAROUSEL_CACHE", str(tmp_path))
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(ValueError, match=r"riscv64.*spoken_digit"):
        load_data(DataConfig())
    assert list(tmp_path.iterdir()) == []


def test_the_clips_of_another_espeak_ng_have_another_place_and_are_announced(
    synthetic_speech, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("CAROUSEL_CACHE", str(tmp_path))
    report_once.cache_clear()
    places = {synthetic.cached_at()}
    for version in ("1.50", "1.51"):
        monkeypatch.setattr(clips, "system_version", lambda v=version: v)
        places.add(synthetic.cached_at())
    assert len(places) == 3
    shutil.copytree(synthetic_speech, synthetic.cached_at())
    load_data(DataConfig())
    assert capsys.readouterr().err == (
        "This system's eSpeak NG 1.51 makes the clips, not the pinned package. Do not "
        "compare the results with recorded ones.\n"
    )
