"""Where clips come from: splits, speakers, lists, and what a folder may have wrong."""

import itertools

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from apps.speech_commands import data as data_module
from apps.speech_commands import sources
from apps.speech_commands.config import DataConfig
from apps.speech_commands.data import load_data


def folder(root, **changes):
    options = {"sample_rate_hz": 8000, "clip_ms": 200, **changes}
    return DataConfig(dataset="folder", directory=str(root), **options)


@pytest.fixture
def own(write_tones, tmp_path):
    """A small folder, to be changed."""
    speakers = [f"s{number}" for number in range(12)]
    return write_tones(tmp_path / "own", ("low", "high"), speakers, takes=1)


def speakers_of(names):
    return {name.split("/")[1].partition("_")[0] for name in names}


def test_without_lists_the_speakers_are_split(tones):
    data = load_data(folder(tones))
    assert data.labels == ["high", "low", "middle"]
    splits = [speakers_of(c.names) for c in (data.train, data.validation, data.test)]
    assert sum(map(len, splits)) == len(set.union(*splits)) == 40
    assert len(splits[0]) > 20
    assert data.train.waves.shape == (len(data.train.labels), 1600)
    assert np.isinf(data.test.snr_db).all()


def test_a_split_that_is_not_asked_for_is_not_read(tones):
    data = load_data(folder(tones), ("test",), ["high", "low", "middle"])
    assert data.train is None
    assert data.validation is None


def test_with_lists_the_lists_decide(own):
    """With a byte order mark and with line ends of Windows, too."""
    (own / "validation_list.txt").write_bytes(b"\xef\xbb\xbflow/s1_nohash_0.wav\n")
    (own / "testing_list.txt").write_text(
        "low/s2_nohash_0.wav\r\n\nhigh/s2_nohash_0.wav"
    )
    data = load_data(folder(own))
    assert data.validation.names == ["low/s1_nohash_0.wav"]
    assert data.test.names == ["high/s2_nohash_0.wav", "low/s2_nohash_0.wav"]
    assert len(data.train.names) == 24 - 3


def test_a_list_that_names_a_missing_file_is_refused_with_its_line(own):
    (own / "validation_list.txt").write_text("low/s1_nohash_0.wav\nlow/none.wav\n")
    (own / "testing_list.txt").write_text("low/s2_nohash_0.wav\n")
    with pytest.raises(
        ValueError, match=r"validation_list.txt:2: no such file: 'low/none.wav'"
    ):
        load_data(folder(own))


def test_a_file_on_both_lists_is_refused(own):
    for name in ("validation_list.txt", "testing_list.txt"):
        (own / name).write_text("low/s1_nohash_0.wav\n")
    with pytest.raises(ValueError, match=r"testing_list.txt:1: .* is on both lists"):
        load_data(folder(own))


def test_one_list_alone_is_refused(own):
    (own / "testing_list.txt").write_text("low/s2_nohash_0.wav\n")
    with pytest.raises(ValueError, match=r"validation_list.txt: missing"):
        load_data(folder(own))


def test_files_of_every_audio_format_are_read_and_others_are_named(own, capsys):
    wave, rate = soundfile.read(own / "low" / "s1_nohash_0.wav")
    (own / "new").mkdir()
    for number, name in enumerate(("a.flac", "b.ogg", "c.WAV", "d.wave", "e.aiff")):
        form = {"d.wave": "WAV", "c.WAV": "WAV"}.get(name)
        soundfile.write(own / "new" / f"s{number}_{name}", wave, rate, format=form)
    (own / "new" / "notes.txt").write_text("said twice")
    (own / "new" / "more").mkdir()
    (own / "validation_list.txt").write_text("low/s1_nohash_0.wav")
    (own / "testing_list.txt").write_text("low/s2_nohash_0.wav")
    names = load_data(folder(own)).train.names
    assert sum(name.startswith("new/") for name in names) == 5
    message = capsys.readouterr().err
    assert message.count("left out 2 entries that are not audio files") == 1
    assert message.rstrip().endswith("new/more, new/notes.txt")


def test_background_noise_becomes_noise_and_silence(own):
    (own / "_background_noise_").mkdir()
    hiss = np.random.default_rng(0).normal(0, 0.1, 30000)
    soundfile.write(own / "_background_noise_" / "hiss.wav", hiss, 8000)
    (own / "validation_list.txt").write_text(
        "low/s1_nohash_0.wav\nhigh/s1_nohash_0.wav"
    )
    (own / "testing_list.txt").write_text("low/s2_nohash_0.wav\nhigh/s2_nohash_0.wav")
    data = load_data(folder(own))
    assert data.labels == ["_silence_", "high", "low"]
    counts = np.bincount(data.train.labels)
    assert counts[0] == counts[1] == counts[2] == 10
    assert np.bincount(data.test.labels).tolist() == [1, 1, 1]
    assert data.train.noise.shape == (1, 80000)
    assert not np.array_equal(data.train.noise[0, :100], data.test.noise[0, :100])


def test_each_split_has_its_own_stretch_of_a_noise_file(own):
    (own / "_background_noise_").mkdir()
    rising = np.linspace(0, 0.99, 20000)
    soundfile.write(own / "_background_noise_" / "rising.wav", rising, 8000)
    for number, name in enumerate(("validation_list.txt", "testing_list.txt")):
        lines = [f"{word}/s{number}_nohash_0.wav" for word in ("low", "high")]
        (own / name).write_text("\n".join(lines))
    data = load_data(folder(own))
    stretches = {"train": (0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1)}
    for split, (begin, end) in stretches.items():
        clips = getattr(data, split)
        noise = clips.noise / 0.99
        assert noise.min() == pytest.approx(begin, abs=1e-3)
        assert noise.max() == pytest.approx(end, abs=1e-3)
        silence = clips.waves[clips.labels == 0] / 32768 / 0.99
        assert begin - 1e-3 <= silence.min() <= silence.max() <= end + 1e-3


def test_each_split_has_noises_of_its_own(own, monkeypatch):
    monkeypatch.setattr(data_module, "NOISES", 2)
    for number, name in enumerate(("validation_list.txt", "testing_list.txt")):
        lines = [f"{word}/s{number}_nohash_0.wav" for word in ("low", "high")]
        (own / name).write_text("\n".join(lines))
    data = load_data(folder(own))
    noises = [clips.noise for clips in (data.train, data.validation, data.test)]
    for one, other in itertools.combinations(noises, 2):
        assert one.shape == other.shape == (2, 80000)
        assert np.mean(one == other) < 0.01


@pytest.mark.parametrize(
    ("words", "speakers", "message"),
    [
        (["low"], 12, "at least two labels.*'low'"),
        (["low", "high"], 1, "split is empty. .* of the speakers"),
    ],
)
def test_what_makes_no_classification_is_refused(
    write_tones, tmp_path, words, speakers, message
):
    names = [f"s{number}" for number in range(speakers)]
    root = write_tones(tmp_path / "few", words, names)
    if speakers > 1:
        (root / "validation_list.txt").write_text("low/s1_nohash_0.wav")
        (root / "testing_list.txt").write_text("low/s2_nohash_0.wav")
    with pytest.raises(ValueError, match=message):
        load_data(folder(root))


@pytest.mark.parametrize("directory", ["", "nowhere"])
def test_a_folder_that_is_not_there_is_refused(directory):
    with pytest.raises(ValueError, match=r"data.directory: expected a folder"):
        load_data(folder(directory))


def test_a_folder_without_audio_is_refused(tmp_path):
    (tmp_path / "yes").mkdir()
    with pytest.raises(ValueError, match=r"expected a folder of audio files for each"):
        load_data(folder(tmp_path))


def test_a_file_that_is_no_audio_is_named(own):
    (own / "low" / "s0_nohash_0.wav").write_text("not sound")
    (own / "validation_list.txt").write_text("low/s1_nohash_0.wav")
    (own / "testing_list.txt").write_text("low/s2_nohash_0.wav")
    with pytest.raises(ValueError, match=r"s0_nohash_0\.wav: not audio"):
        load_data(folder(own))


@pytest.fixture
def digits(monkeypatch):
    """Stands where `load_dataset` stands: two speakers, two digits, 12 recordings."""
    names = [
        f"{d}_{s}_{n}.wav" for d in (3, 7) for s in ("anna", "bo") for n in range(12)
    ]
    dataset = tf.data.Dataset.from_generator(
        lambda: (
            {
                "audio": np.full(50, number),
                "audio/filename": name,
                "label": int(name[0]),
            }
            for number, name in enumerate(names)
        ),
        output_signature={
            "audio": tf.TensorSpec([None], "int64"),
            "audio/filename": tf.TensorSpec([], "string"),
            "label": tf.TensorSpec([], "int64"),
        },
    )
    monkeypatch.setattr(sources, "load_dataset", lambda name, split: dataset)


def test_digits_are_split_by_the_number_of_the_recording(digits):
    data = load_data(DataConfig(dataset="spoken_digit", sample_rate_hz=8000))
    assert data.labels == ["3", "7"]
    numbers = [
        {int(name.split("_")[2][:-4]) for name in clips.names}
        for clips in (data.train, data.validation, data.test)
    ]
    assert numbers == [{10, 11}, {5, 6, 7, 8, 9}, {0, 1, 2, 3, 4}]
    assert data.test.waves.max() == 40  # as recorded, and in the middle of a second


def test_a_held_out_speaker_is_heard_in_the_test_split_only(digits):
    config = DataConfig(dataset="spoken_digit", held_out_speaker="bo")
    data = load_data(config)
    assert {name.split("_")[1] for name in data.test.names} == {"bo"}
    assert len(data.test.names) == 24
    for clips in (data.train, data.validation):
        assert {name.split("_")[1] for name in clips.names} == {"anna"}
    assert len(data.validation.names) == 10


def test_validation_can_be_a_speaker_who_is_heard_nowhere_else(digits):
    config = DataConfig(dataset="spoken_digit", validation_speaker="bo")
    data = load_data(config)
    assert {name.split("_")[1] for name in data.validation.names} == {"bo"}
    assert len(data.validation.names) == 14  # the others are in the official test split
    assert {name.split("_")[1] for name in data.train.names} == {"anna"}
    assert len(data.train.names) == 14


@pytest.mark.parametrize("setting", ["held_out_speaker", "validation_speaker"])
def test_an_unknown_speaker_is_refused(digits, setting):
    config = DataConfig(dataset="spoken_digit", **{setting: "eve"})
    message = rf"data.{setting}: expected one of anna, bo. Received: 'eve'"
    with pytest.raises(ValueError, match=message):
        load_data(config)


def test_the_twelve_classes_of_the_published_set_keep_their_names(monkeypatch):
    def load_dataset(name, split):
        assert name == "speech_commands"
        labels = np.arange(12)
        audio = np.tile(labels[:, np.newaxis] + 1, (1, 16000)).astype("int64")
        return tf.data.Dataset.from_tensor_slices({"audio": audio, "label": labels})

    monkeypatch.setattr(sources, "load_dataset", load_dataset)
    data = load_data(DataConfig(dataset="speech_commands"), ("train", "test"))
    assert len(data.labels) == 12
    of_silence = data.labels.index("_silence_")
    assert data.train.waves[data.train.labels == of_silence].max() == 11
    assert data.train.waves[data.train.labels == data.labels.index("go")].max() == 2


def test_whatever_is_no_word_is_listed_unless_it_is_hidden(own, capsys):
    wave, rate = soundfile.read(own / "low" / "s1_nohash_0.wav")
    for name in ("_unknown_/a.wav", "stray.wav", "none/.a.wav", ".old/a.wav"):
        (own / name).parent.mkdir(exist_ok=True)
        soundfile.write(own / name, wave, rate)
    (own / "low" / "._s1_nohash_0.wav").write_bytes(b"\x00\x05\x16\x07")
    (own / "_background_noise_").mkdir()
    soundfile.write(own / "_background_noise_" / "hiss.wav", wave, rate)
    (own / "empty").mkdir()
    (own / "validation_list.txt").write_text("low/s1_nohash_0.wav")
    (own / "testing_list.txt").write_text("low/s2_nohash_0.wav")
    assert load_data(folder(own)).labels == ["_silence_", "high", "low"]
    message = capsys.readouterr().err
    assert "left out 4 entries that are not audio files in the folder of a" in message
    assert message.rstrip().endswith(": _unknown_, empty, none, stray.wav")
