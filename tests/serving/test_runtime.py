"""Bad input to the runtime without TensorFlow is refused in one line."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from apps.common.portable.sampling import expectation
from apps.common.portable.versions import ONNX, newest_version
from serving import runtime
from serving.engine import RequestError
from serving.runtime import language_modeling
from tests.apps.common.portable.test_sampling import OUT_OF_BOUNDS


def signatures_of(run, app):
    version = newest_version(run / "export" / app)
    return runtime.load((version / ONNX).parent).signatures


def inputs_of(signature, **given):
    """Returns one row for each input: those given, else a zero."""
    inputs = {
        name: np.zeros([1, *(size or 0 for size in spec.shape[1:])], spec.dtype)
        for name, spec in signature.inputs.items()
        if spec.dtype != "string"
    }
    return inputs | given


@pytest.fixture
def language(finished_language_run):
    return signatures_of(finished_language_run, "language_modeling")


@pytest.fixture
def speech(finished_speech_run):
    return signatures_of(finished_speech_run, "speech_commands")


@pytest.mark.parametrize("wrong", [-1, 10**6])
@pytest.mark.parametrize("name", ["step", "stream"])
def test_ids_beyond_the_vocabulary_are_refused(language, name, wrong):
    ids = np.full((1,) if name == "step" else (1, 1), wrong, "int32")
    inputs = inputs_of(language[name], token_ids=ids)
    if name == "stream":
        inputs["prompt"] = np.array([b""], object)
    with pytest.raises(RequestError, match=rf"token_ids: .* Received: {wrong}\."):
        language[name](inputs)


def test_too_many_tokens_are_refused(language):
    many = np.array([10_001], "int32")
    inputs = inputs_of(language["generate"], max_tokens=many)
    inputs["prompt"] = np.array([b""], object)
    with pytest.raises(RequestError, match="max_tokens: expected at most 10000"):
        language["generate"](inputs)


@pytest.mark.parametrize("signature", ["generate", "stream"])
@pytest.mark.parametrize(("name", "value"), OUT_OF_BOUNDS)
def test_settings_out_of_bounds_are_refused(language, signature, name, value):
    inputs = inputs_of(language[signature], repetition_penalty=np.ones(1, "float32"))
    inputs["prompt"] = np.array([b""], object)
    language[signature](inputs)
    inputs[name] = np.array([value], inputs[name].dtype)
    with pytest.raises(RequestError) as refusal:
        language[signature](inputs)
    assert str(refusal.value) == f"{name}: {expectation(name)}"


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["serving_default", "gates"])
def test_sound_that_is_not_finite_is_refused(speech, name, value):
    waveform = np.zeros((1, 100), "float32")
    waveform[0, 50] = value
    with pytest.raises(RequestError, match="waveform: expected finite numbers"):
        speech[name]({"waveform": waveform})


def test_a_file_that_is_no_sound_is_refused(speech):
    with pytest.raises(RequestError, match="wav_bytes: expected a WAV file"):
        speech["wav"]({"wav_bytes": np.array([b"RIFX"], object)})


def test_samples_that_are_no_whole_frames_are_refused(speech):
    samples = np.zeros((1, 7), "float32")
    with pytest.raises(RequestError, match="samples: expected a multiple of"):
        speech["stream"](inputs_of(speech["stream"], samples=samples))


def test_a_stream_names_the_threshold_and_pause_that_the_run_chose(
    speech, finished_speech_run
):
    chosen = json.loads((finished_speech_run / "detection.json").read_text())
    assert (chosen["threshold"], chosen["pause_ms"]) != (0.8, 300)
    samples = np.zeros((1, 0), "float32")
    answer = speech["stream"](inputs_of(speech["stream"], samples=samples))
    for name in ("threshold", "smoothing_ms", "pause_ms"):
        assert answer[name] == pytest.approx([chosen[name]])


def test_no_sound_at_all_is_heard_as_silence(speech):
    empty, silence = (np.zeros((1, size), "float32") for size in (0, 8000))
    answers = [speech["serving_default"]({"waveform": x}) for x in (empty, silence)]
    expected = answers[1]["probabilities"]
    np.testing.assert_array_equal(answers[0]["probabilities"], expected)


WRONG = {
    "another shape": (
        {"h_1": np.zeros((1, 99), "float32")},
        r"h_1: expected float32 \(\?, \d+\)\. Received: float32 \(1, 99\)\.",
    ),
    "another type": (
        {"token_ids": np.zeros(1, "float64")},
        r"token_ids: expected int32 \(\?,\)\. Received: float64 \(1,\)\.",
    ),
    "other rows": (
        {"token_ids": np.zeros(2, "int32")},
        r"expected as many rows of each input\. Received: .*token_ids 2",
    ),
    "an unknown input": (
        {"h_9": np.zeros((1, 5), "float32")},
        r"expected the inputs .*c_2\. Received: .*h_9\.",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_inputs_that_do_not_fit_are_refused_by_name(language, case):
    given, message = WRONG[case]
    with pytest.raises(RequestError, match=message):
        language["step"](inputs_of(language["step"], **given))


def test_texts_may_be_strings(language):
    texts = ["a warm film", ""]
    answers = [
        language["serving_default"]({"text": array})
        for array in (np.array(texts), np.array([t.encode() for t in texts], object))
    ]
    assert answers[0]["tokens"].tolist() == answers[1]["tokens"].tolist() == [4, 1]


@pytest.fixture
def copied(finished_run, tmp_path):
    """A copy of the directory `onnx/` of a sentiment model."""
    version = newest_version(finished_run / "export" / "sentiment")
    return shutil.copytree((version / ONNX).parent, tmp_path / "onnx")


def test_files_that_change_later_have_no_effect(copied):
    text = {"text": np.array([b"a warm film", b"bad"], object)}
    expected = runtime.load(copied).signatures["serving_default"](text)
    loaded = runtime.load(copied).signatures["serving_default"]
    (copied / "vocabulary.txt").write_text("<pad>\n<unk>\n")
    (copied / "labels.txt").unlink()
    answer = loaded(text)
    assert answer["label"].tolist() == expected["label"].tolist()
    np.testing.assert_array_equal(answer["probabilities"], expected["probabilities"])


def edited(directory, *keys, value):
    """Sets an entry of `model.json`; the value `...` removes it."""
    path = directory / "model.json"
    content = place = json.loads(path.read_text())
    for key in keys[:-1]:
        place = place[key]
    if value is ...:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    path.write_text(json.dumps(content))


BAD_ENTRIES = {
    "no setting": (("settings", "max_length"), ..., "settings: .* Missing: max_length"),
    "no graph": (("graphs", "sentiment"), ..., "graphs: .* Missing: sentiment"),
    "no hash of a graph": (
        ("graphs", "sentiment", "sha256"),
        ...,
        "sha256: the entry is",
    ),
    "no vocabulary": (
        ("files", "vocabulary.txt"),
        ...,
        "files: .* Missing: vocabulary",
    ),
    "an app that is no name": (("app",), ["x"], "app: expected a text"),
    "settings that are no object": (
        ("settings",),
        [],
        "settings: expected an objec",
    ),
    "a directory": (
        ("graphs", "sentiment", "file"),
        "..",
        r"expected the name .*'\.\.'",
    ),
    "no name": (
        ("graphs", "sentiment", "file"),
        "",
        "expected the name of a file .*''",
    ),
    "a path": (("files", "../x"), "", r"expected the name .* Received: '\.\./x'"),
    "newer rules": (("settings", "token_rules"), 99, "token_rules: .* Received: 99"),
    "another shape": (
        ("graphs", "sentiment", "outputs", "logits", "shape"),
        [None, 7],
        r"expected the outputs .*logits \(None, 7\)",
    ),
}


@pytest.mark.parametrize("case", BAD_ENTRIES)
def test_a_description_that_is_not_right_is_refused_in_one_line(copied, case):
    keys, value, message = BAD_ENTRIES[case]
    edited(copied, *keys, value=value)
    with pytest.raises(ValueError, match=message) as refused:
        runtime.load(copied)
    assert "\n" not in str(refused.value)


def test_labels_that_do_not_fit_the_graph_are_refused(copied):
    content = b"one\ntwo\nthree\n"
    (copied / "labels.txt").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    edited(copied, "files", "labels.txt", value=sha256)
    with pytest.raises(ValueError, match=r"a label for each of its 2 .* Received: 3"):
        runtime.load(copied)


@pytest.mark.parametrize("name", ["serving_default", "gates", "generate", "stream"])
def test_a_long_text_is_read_in_parts_with_the_same_answer(language, name, monkeypatch):
    signature = language[name]
    inputs = {
        "max_tokens": np.array([3, 3], "int32"),
        "token_ids": np.array([[2], [3]], "int32"),
    }
    rows = {
        key: np.concatenate([value] * 2) for key, value in inputs_of(signature).items()
    }
    rows |= {key: value for key, value in inputs.items() if key in rows}
    (text,) = set(signature.inputs) - set(rows)
    rows[text] = np.array([b"a warm film , a bad plot and a king .", b"a film"], object)
    for key, value in (("top_p", 1), ("repetition_penalty", 1)):
        if key in rows:
            rows[key] = np.full(2, value, "float32")
    expected = signature(rows)
    monkeypatch.setattr(language_modeling, "LOGITS", 1)  # one timestep a part
    for key, value in signature(rows).items():
        if value.dtype == object:
            assert value.tolist() == expected[key].tolist()
        else:
            np.testing.assert_allclose(value, expected[key], atol=1e-6)


def test_texts_that_take_too_much_memory_are_refused(finished_question_run):
    answer = signatures_of(finished_question_run, "question_answering")
    story = b"a. " * 63 + b"b " * 20_000
    inputs = {
        "context": np.array([story], object),
        "question": np.array([b"?"], object),
    }
    with pytest.raises(RequestError, match=r"rows x sentences x words .* Received: "):
        answer["serving_default"](inputs)
