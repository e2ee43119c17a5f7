"""The client streams text and audio over REST and gRPC."""

import re

import numpy as np
import pytest

from apps.common.portable.detector import DETECTION, Detection
from apps.speech_commands.predict import Predictor
from apps.speech_commands.streaming.session import Stream
from serving.client import Client, StreamSpec
from serving.client.streams import Streams
from tests.serving import client_fixtures
from tests.serving.client_fixtures import HOP, LABELS, RATE, recording
from tests.serving.grpc_server import GrpcServer, Models
from tests.serving.rest_server import RestServer

servers = client_fixtures.servers
served = client_fixtures.served
server = client_fixtures.server
rest = client_fixtures.rest
client = client_fixtures.client


def test_a_text_comes_piece_by_piece_until_it_ends(client, served):
    """The client sends the prompt once, then the state from the last answer."""
    pieces = client.generate("counting", "h\u00e9y", temperature=0)
    assert next(pieces) == " 4"
    assert served.count("predict") == 1
    assert list(pieces) == [" 5", " 6", " 7", " 8"]
    assert served.count("predict") == 6


def test_a_text_ends_after_so_many_tokens(client, served):
    assert list(client.generate("counting", "", 2, temperature=0)) == [" 1", " 2"]
    assert list(client.generate("counting", "", 0)) == []
    assert served.count("predict") == 2


def test_a_text_is_drawn_with_the_settings_of_the_command_line(client):
    settings = {"top_k": 5, "top_p": 0.5, "repetition_penalty": 1, "seed": 9}
    assert next(client.generate("counting", "")) == " 1@0.8,0,0.95,1.1,1"
    piece = next(client.generate("counting", "", temperature=1.5, **settings))
    assert piece == " 1@1.5,5,0.50,1.0,9"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", -1),
        ("temperature", -0.1),
        ("temperature", np.nan),
        ("top_k", -1),
        ("top_p", 1.1),
        ("repetition_penalty", 0),
        ("seed", 2**31),
    ],
)
def test_settings_of_a_text_are_checked(name, value, rest, served):
    with Client(rest.address) as client, pytest.raises(ValueError, match=name):
        next(client.generate("counting", "", **{name: value}))
    assert served.count("predict") == 0


def test_a_model_that_does_not_stream_is_told(client):
    expected = "types: expected one of its signatures, .* Received: stream"
    with pytest.raises(ValueError, match=expected):
        next(client.generate("types", ""))
    expected = "counting: expected a signature stream that takes samples, and whose"
    with pytest.raises(ValueError, match=expected):
        client.sound("counting")
    expected = "ear: expected a signature stream that takes prompt, temperature, top_k"
    with pytest.raises(ValueError, match=expected):
        next(client.generate("ear", ""))


def test_a_speech_model_tells_what_it_listens_to(client):
    assert client.sound("ear") == StreamSpec(LABELS, RATE, HOP, DETECTION)


class OwnSettings(Streams):
    """A client of a model that hears "yes" at 0.6 and names the threshold."""

    def __init__(self, **detection):
        self.detection = detection

    def signature(self, model, name, version):
        shape = ("float32", (None, None))
        return {"inputs": {"samples": shape}, "outputs": {"posteriors": shape}}

    def predict(self, model, inputs, signature, version):
        frames = inputs["samples"].shape[1] // HOP
        own = {name: np.array([value]) for name, value in self.detection.items()}
        return {
            "posteriors": np.tile(np.float32([0.4, 0.6]), (1, frames, 1)),
            "labels": np.array([["_silence", "yes"]], object),
            "sample_rate_hz": np.array([RATE]),
            "hop": np.array([HOP]),
            **own,
        }

    def heard(self, **settings):
        sound = [np.zeros(50 * HOP, "float32")]
        return [one.word for one in self.listen("model", sound, **settings)]


def test_the_models_own_threshold_counts_unless_another_is_given():
    assert OwnSettings().heard() == []  # an export of before: the usual threshold
    own = OwnSettings(threshold=0.5, smoothing_ms=1.0, pause_ms=1.0)
    assert own.sound("model").detection == own.detection
    assert own.heard() == ["yes"]
    assert own.heard(threshold=0.7) == []


@pytest.mark.parametrize("size", [3, 50, 10_000])
def test_chunks_of_any_length_give_what_the_whole_sound_gives(size, client):
    sound, detections = recording()
    assert [one.word for one in detections] == ["yes", "no", "yes"]
    chunks = np.split(sound, range(size, len(sound), size))
    received = list(client.listen("ear", iter(chunks)))
    assert [(one.word, one.time_s) for one in received] == [
        (one.word, pytest.approx(one.time_s)) for one in detections
    ]
    scores = [one.score for one in detections]
    assert [one.score for one in received] == pytest.approx(scores, abs=1e-4)
    assert isinstance(received[0], Detection)


def test_a_long_chunk_goes_in_parts(rest, served, monkeypatch):
    sound, detections = recording()
    monkeypatch.setattr("serving.client.streams.MAX_FRAMES", 60)
    with Client(rest.address) as client:
        assert len(list(client.listen("ear", [sound]))) == len(detections)
    assert served.count("predict") == 1 + 4  # the labels; 200 frames in 4 parts


def test_the_threshold_and_the_smoothing_may_be_set(client):
    sound, _ = recording()
    assert not list(client.listen("ear", [sound], threshold=1.1))
    early, *_ = client.listen("ear", [sound], threshold=0.2, smoothing_ms=0)
    late, *_ = client.listen("ear", [sound], threshold=0.9, smoothing_ms=300)
    assert early.time_s < late.time_s


def test_integer_samples_are_scaled(rest):
    floats = np.zeros(40, "float32")
    floats[::3] = 0.5
    with Client(rest.address) as client:
        heard = list(client.listen("ear", [floats]))
        assert list(client.listen("ear", [(floats * 32768).astype("int16")])) == heard


@pytest.mark.parametrize(
    ("chunk", "received"),
    [
        (np.zeros(8, "bool"), "bool (8,)"),
        (np.full(8, 9000.0), "9000 at sample 0"),
        (np.zeros((8, 2), "float32"), "float32 (8, 2)"),
        (np.full(8, np.nan), "NaN or infinity, first at sample 0"),
    ],
)
def test_sound_of_another_kind_is_refused(chunk, received, rest):
    expected = re.escape(f"Received: {received}")
    with Client(rest.address) as client, pytest.raises(ValueError, match=expected):
        list(client.listen("ear", [chunk]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [RestServer, GrpcServer])
def test_language_modeling_streams_what_it_generates(kind, finished_language_run):
    settings = {"top_k": 0, "top_p": 1.0, "repetition_penalty": 1.2, "seed": 3}
    settings |= {"temperature": 1.0, "max_tokens": 6}
    models = Models(finished_language_run / "export")
    with kind(models) as server, Client(server.address) as client:
        for prompt in ("the film", ""):
            inputs = {name: [value] for name, value in settings.items()}
            inputs["prompt"] = [prompt]
            text = client.predict("language_modeling", inputs, "generate")["text"][0]
            pieces = client.generate("language_modeling", prompt, **settings)
            assert "".join(pieces).split() == text.split()
            assert len(text) > 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", [RestServer, GrpcServer])
def test_speech_commands_are_heard_as_without_a_server(kind, finished_speech_run):
    predictor = Predictor.load(finished_speech_run)
    labels, front_end = predictor.labels, predictor.front_end
    time_s = np.arange(1600) / 8000
    tones = [np.sin(2 * np.pi * hz * time_s) for hz in (300, 2000, 900)]
    noise = np.random.default_rng(3).normal(0, 0.01, 4800)
    sound = (0.3 * np.concatenate(tones) + noise).astype("float32")
    settings = {"threshold": 0.3, "smoothing_ms": 20, "pause_ms": 10}
    stream = Stream(predictor.stream, front_end, labels, **settings)
    _, expected = stream.feed(sound)
    models = Models(finished_speech_run / "export")
    with kind(models) as server, Client(server.address) as client:
        assert client.sound("speech_commands") == StreamSpec(
            labels, 8000, front_end.hop, predictor.detection
        )
        chunks = np.array_split(sound, 7)
        detections = list(client.listen("speech_commands", chunks, **settings))
    assert expected
    assert [(one.word, one.time_s) for one in detections] == [
        (one.word, one.time_s) for one in expected
    ]
