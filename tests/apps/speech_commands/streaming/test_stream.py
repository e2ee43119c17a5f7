"""Streams: chunks of any size are the whole sound; when a word is heard."""

from dataclasses import astuple, replace

import numpy as np
import pytest
import tensorflow as tf

from apps.common.layers.state import zero_state
from apps.common.portable.detector import Detector
from apps.speech_commands.model import build_model
from apps.speech_commands.predict import Predictor
from apps.speech_commands.streaming.session import Stream

LABELS = ["_silence_", "no", "yes"]


@pytest.fixture(scope="module")
def predictor(finished_speech_run):
    return Predictor.load(finished_speech_run)


def stream_of(predictor, **options):
    parts = predictor.stream, predictor.front_end, predictor.labels
    return Stream(*parts, **options)


@pytest.fixture
def make_stream(predictor):
    return lambda **options: stream_of(predictor, **options)


@pytest.fixture
def sound():
    rng = np.random.default_rng(3)
    tones = [np.sin(2 * np.pi * hz * np.arange(1600) / 8000) for hz in (300, 2000, 900)]
    noise = rng.normal(0, 0.01, 4800)
    return (0.3 * np.concatenate(tones) + noise).astype("float32")


@pytest.mark.parametrize("chunk", [1, 79, 80, 333, 4800])
def test_chunks_of_any_size_give_what_the_whole_gives(make_stream, sound, chunk):
    if chunk == 1:
        sound = sound[:800]
    options = {"threshold": 0.3, "smoothing_ms": 20, "pause_ms": 10}
    whole, detections = make_stream(**options).feed(sound)
    assert detections
    assert whole.shape == (len(sound) // 80, 3)
    stream, parts, heard = make_stream(**options), [], []
    for start in range(0, len(sound), chunk):
        posteriors, words = stream.feed(sound[start : start + chunk])
        parts.append(posteriors)
        heard += words
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)
    assert [astuple(w)[:2] for w in heard] == [astuple(w)[:2] for w in detections]


def test_a_minute_at_once_is_worked_off_piece_by_piece(make_stream, sound):
    long = np.tile(sound, 100)
    whole, _ = make_stream().feed(long)
    stream = make_stream()
    parts = [stream.feed(piece)[0] for piece in np.split(long, 50)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)


@pytest.mark.parametrize("pooling", ["last", "max"])
def test_without_smoothing_the_last_posterior_is_that_of_the_clip(
    predictor, sound, pooling
):
    config = predictor.config
    config = replace(config, model=replace(config.model, pooling=pooling))
    other = Predictor(predictor.directory, config)
    other.model = predictor.model
    clip = sound[:1600]
    posteriors, _ = stream_of(other, smoothing_ms=0).feed(clip)
    answer = other.answer(clip[np.newaxis])
    np.testing.assert_allclose(posteriors[-1], answer["probabilities"][0], atol=1e-4)


def test_the_highest_logits_are_those_of_the_last_clip_length(
    make_stream, predictor, sound
):
    model = predictor.model
    features = predictor.front_end(sound[np.newaxis])
    logits = np.array(model([features, *zero_state(model, 1)])[0][0])
    posteriors, _ = make_stream(smoothing_ms=0).feed(sound)
    for frame in (0, 7, 19, 20, 45, 59):
        highest = logits[max(0, frame - 19) : frame + 1].max(axis=0)
        expected = np.exp(highest) / np.exp(highest).sum()
        np.testing.assert_allclose(posteriors[frame], expected, atol=1e-4)


def test_smoothing_is_the_mean_over_what_was_heard(make_stream, sound):
    plain, _ = make_stream(smoothing_ms=0).feed(sound)
    smooth, _ = make_stream(smoothing_ms=50).feed(sound)
    np.testing.assert_allclose(smooth[9], plain[5:10].mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(smooth[1], plain[:2].sum(axis=0) / 5, atol=1e-5)


def test_no_sound_gives_no_frame(make_stream):
    posteriors, detections = make_stream().feed(np.zeros(0, "float32"))
    assert posteriors.shape == (0, 3)
    assert detections == []


def test_a_chunk_of_no_samples_tells_what_a_client_must_know(predictor):
    listen, labels = predictor.stream, predictor.labels
    shapes = [spec.shape[1:] for spec in listen.input_signature[1:]]
    outputs = listen(tf.zeros((2, 0)), *(tf.zeros([2, *shape]) for shape in shapes))
    assert [name.decode() for name in outputs["labels"][1].numpy()] == labels
    assert outputs["sample_rate_hz"].numpy().tolist() == [8000, 8000]
    assert outputs["hop"].numpy().tolist() == [80, 80]
    for name, value in predictor.detection.items():
        assert outputs[name].numpy().tolist() == pytest.approx([value, value])
    assert outputs["posteriors"].shape == (2, 0, 3)


def test_a_sample_that_is_no_number_is_refused(make_stream):
    with pytest.raises(ValueError, match=r"NaN or infinity, first at sample 2"):
        make_stream().feed(np.array([0, 0, np.nan], "float32"))


def test_a_model_of_whole_clips_is_refused(predictor):
    whole = Predictor(predictor.directory, predictor.config)
    whole.model = build_model(3, 8, False, 4, 1, "both", "last", 0.0)
    assert not whole.streams
    with pytest.raises(ValueError, match=r"model.direction=forward"):
        whole.stream  # noqa: B018  made when asked for


def posteriors(*rows):
    return np.array(rows, "float32")


def test_a_word_is_heard_once_until_its_score_falls():
    detector = Detector(LABELS, threshold=0.6, pause=1)
    rows = posteriors(
        [0.8, 0.1, 0.1],
        [0.2, 0.1, 0.7],  # yes
        [0.1, 0.0, 0.9],  # still the same
        [0.1, 0.0, 0.9],
        [0.6, 0.0, 0.4],  # fallen
        [0.1, 0.1, 0.8],  # yes again
    )
    assert [(f, w) for f, w, _ in detector.feed(rows)] == [(1, 2), (5, 2)]


def test_silence_is_no_word_and_a_pause_follows_each():
    detector = Detector(LABELS, threshold=0.6, pause=2)
    silence, no, yes = np.eye(3)
    rows = posteriors(silence, no, yes, yes, yes, silence, no)
    assert [(f, w) for f, w, _ in detector.feed(rows)] == [(1, 1), (4, 2)]


def test_a_word_is_heard_again_once_its_own_score_has_fallen():
    detector = Detector(LABELS, threshold=0.6, pause=2)
    _, no, yes = np.eye(3)
    rows = posteriors(yes, no, yes, yes, yes)
    assert [(f, w) for f, w, _ in detector.feed(rows)] == [(0, 2), (3, 2)]


def test_a_detector_carries_on_from_chunk_to_chunk():
    rows = posteriors(*np.random.default_rng(1).dirichlet([0.3] * 3, 60))
    whole = Detector(LABELS, 0.7, 3).feed(rows)
    detector, parts = Detector(LABELS, 0.7, 3), []
    for start in range(0, 60, 7):
        detections = detector.feed(rows[start : start + 7])
        parts += [(frame + start, word, score) for frame, word, score in detections]
    assert whole == parts
    assert len(whole) > 3
