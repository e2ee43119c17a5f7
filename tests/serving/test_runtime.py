"""Bad input to the runtime without TensorFlow is refused in one line."""

import numpy as np
import pytest

from apps.common.portable.sampling import expectation
from apps.common.portable.versions import ONNX, newest_version
from serving import runtime
from serving.engine import RequestError
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
    with pytest.raises(RequestError, match="waveform: expected finite samples"):
        speech[name]({"waveform": waveform})


def test_a_file_that_is_no_sound_is_refused(speech):
    with pytest.raises(RequestError, match="wav_bytes: expected a WAV file"):
        speech["wav"]({"wav_bytes": np.array([b"RIFX"], object)})


def test_samples_that_are_no_whole_frames_are_refused(speech):
    samples = np.zeros((1, 7), "float32")
    with pytest.raises(RequestError, match="samples: expected a multiple of"):
        speech["stream"](inputs_of(speech["stream"], samples=samples))


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
