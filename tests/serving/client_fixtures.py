"""Test models, and a REST and a gRPC server that serve them as TensorFlow Serving does.

A test module assigns the fixtures that it needs: `client = client_fixtures.client`.
"""

import functools
import socket

import numpy as np
import pytest
import tensorflow as tf

from apps.common.portable.detector import Listener
from serving.client import Client
from tests.serving.grpc_server import GrpcServer, Models
from tests.serving.rest_server import RestServer
from tests.serving.signatures import Numbers, function, signature_names

LABELS = ["_silence", "yes", "no"]
RATE, HOP = 400, 4


class Types(Numbers):
    @function(text=("string", (None,)))
    def echo(self, text):
        return {"echo": text}

    @function(image=("string", (None,)))
    def copy(self, image):
        return {"copy_bytes": image, "size": tf.strings.length(image)}

    @function(image=("string", (None,)))
    def unmarked(self, image):
        return {"copy": image}

    @function(n=("int64", (None,)))
    def kinds(self, n):
        names = ("uint8", "int64", "float64", "float32")
        kinds = {name: tf.cast(n, name) for name in names}
        return {**kinds, "none": tf.zeros([tf.size(n), 0, 3]), "sum": tf.reduce_sum(n)}

    @function(text=("string", (None,)))
    def split(self, text):
        words = tf.strings.split(text)
        sizes = tf.ragged.map_flat_values(tf.strings.length, words)
        return {
            "words": words.to_tensor(""),
            "sizes": tf.cast(sizes, "float32").to_tensor(),
            "short": tf.ragged.map_flat_values(tf.less, sizes, 3).to_tensor(),
            "words_bytes": words.to_tensor(""),
            "shared": tf.math.equal(sizes.to_tensor()[:, tf.newaxis], 2),
        }

    @function(pairs=("float32", (None, None, 2)))
    def pairs(self, pairs):
        return {"sums": tf.reduce_sum(pairs, axis=[1, 2])}

    @function(x=("float32", (None,)))
    def first(self, x):
        return {"first": x[:1]}


class Renamed(tf.Module):
    @function(old=("int32", (None,)))
    def before(self, old):
        return {"old": old}

    @function(new=("int32", (None,)))
    def after(self, new):
        return {"new": new}


class Counting(tf.Module):
    """A language model that outputs the number of characters and tokens so far."""

    @function(
        prompt=("string", (None,)),
        temperature=("float32", (None,)),
        top_k=("int32", (None,)),
        top_p=("float32", (None,)),
        repetition_penalty=("float32", (None,)),
        seed=("int32", (None,)),
        token_ids=("int32", (None, None)),
        h_1=("float32", (None, 1)),
    )
    def stream(
        self,
        prompt,
        temperature,
        top_k,
        top_p,
        repetition_penalty,
        seed,
        token_ids,
        h_1,
    ):
        length = tf.cast(tf.strings.length(prompt, "UTF8_CHAR"), "float32")
        h_1 += length[:, tf.newaxis] + 1
        number = tf.cast(h_1, "int32")
        settings = [
            tf.strings.as_string(each, precision)
            for each, precision in (
                (temperature, 1),
                (top_k, -1),
                (top_p, 2),
                (repetition_penalty, 1),
                (seed, -1),
            )
        ]
        settings = tf.strings.reduce_join(tf.stack(settings), axis=0, separator=",")
        suffix = tf.where(temperature > 0, "@" + settings, "")
        return {
            "text": tf.strings.join([" ", tf.strings.as_string(number[:, 0]), suffix]),
            "token_ids": tf.concat([token_ids, number], axis=1),
            "ended": number[:, 0] > 8,
            "h_1": h_1,
        }


class Ear(tf.Module):
    """A speech model: the running sum of its input is the score of yes or of no."""

    @function(
        samples=("float32", (None, None)),
        audio=("float32", (None, 2)),
        h_1=("float32", (None, 1)),
    )
    def stream(self, samples, audio, h_1):
        batch = tf.shape(samples)[0]
        tf.debugging.assert_equal(tf.shape(samples)[1] % HOP, 0)
        frames = tf.reshape(samples, [batch, tf.shape(samples)[1] // HOP, HOP])
        running_sum = h_1 + tf.cumsum(tf.reduce_mean(frames, axis=2), axis=1)
        yes, no = (tf.clip_by_value(each, 0, 1) for each in (running_sum, -running_sum))
        silence = 1 - yes - no
        return {
            "posteriors": tf.stack([silence, yes, no], axis=2),
            "audio": tf.concat([audio, samples], axis=1)[:, -2:],
            "h_1": tf.concat([h_1, running_sum], axis=1)[:, -1:],
            "labels": tf.tile(tf.constant([LABELS]), [batch, 1]),
            "sample_rate_hz": tf.fill([batch], RATE),
            "hop": tf.fill([batch], HOP),
        }


@functools.cache
def load(directory):
    """Writes the models into a directory, once per process; returns them."""
    types, renamed, counting, ear = Types(), Renamed(), Counting(), Ear()
    names = signature_names(Types)
    signatures = {name: getattr(types, name) for name in names}
    signatures["serving_default"] = types.total
    for module, path, functions in (
        (types, "types/3", signatures),
        (renamed, "renamed/1", {"serving_default": renamed.before}),
        (renamed, "renamed/2", {"serving_default": renamed.after}),
        (counting, "counting/1", {"stream": counting.stream}),
        (ear, "ear/1", {"stream": ear.stream}),
    ):
        tf.saved_model.save(module, str(directory / path), functions)
    return Models(directory)


@pytest.fixture
def served(tmp_path_factory):
    """The models; each test starts with no calls and no faults."""
    models = load(tmp_path_factory.getbasetemp() / "client_models")
    models.reset()
    return models


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    models = load(tmp_path_factory.getbasetemp() / "client_models")
    with (
        pytest.MonkeyPatch.context() as patch,
        RestServer(models) as rest,
        GrpcServer(models) as grpc,
    ):
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1")
        yield {"rest": rest, "grpc": grpc}


@pytest.fixture
def rest(servers, served):
    return servers["rest"]


@pytest.fixture(params=["rest", "grpc"])
def server(request, servers, served):
    return servers[request.param]


@pytest.fixture
def client(server):
    with Client(server.address, backoff_s=0.001) as client:
        yield client


@pytest.fixture
def closed(servers):
    """The number of a port without a server."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def objects(*items):
    return np.array(items, dtype=object)


def floats(*items):
    return np.array(items, dtype="float32")


def same(outputs, expected):
    assert list(outputs) == sorted(expected)
    for name, array in expected.items():
        assert outputs[name].dtype == array.dtype
        assert outputs[name].shape == array.shape
        np.testing.assert_array_equal(outputs[name], array)
        kinds = {type(leaf) for leaf in outputs[name].flat}
        assert kinds == {type(leaf) for leaf in array.flat}


@functools.cache
def recording():
    """Returns two seconds of audio (yes, no, yes) and its expected detections."""
    generator = np.random.default_rng(5)
    levels = np.repeat([0, 0.1, -0.2, 0.2], 50 * HOP)
    sound = (levels + generator.normal(0, 0.01, len(levels))).astype("float32")
    running_sum = np.cumsum(sound.reshape(-1, HOP).mean(axis=1))
    yes, no = running_sum.clip(0, 1), (-running_sum).clip(0, 1)
    posteriors = np.stack([1 - yes - no, yes, no], axis=1).astype("float32")
    detections = Listener(LABELS, HOP / RATE).feed(posteriors)[1]
    return sound, detections
