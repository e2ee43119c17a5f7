"""Chunks of audio give the posteriors that the signature `stream` gives."""

from dataclasses import replace

import numpy as np
import pytest

from apps.common.portable.log_mel import LogMel
from apps.common.portable.stream import ChunkModel, running_maximum
from apps.speech_commands.predict import Predictor


@pytest.fixture(scope="module", params=["max", "last"])
def pair(request, finished_speech_run):
    """A run's `stream`, and the same in NumPy around the run's network."""
    trained = Predictor.load(finished_speech_run)
    config = trained.config
    config = replace(config, model=replace(config.model, pooling=request.param))
    predictor = Predictor(trained.directory, config)
    predictor.model = trained.model
    front_end = predictor.front_end

    def network(features, states):
        logits, *states = predictor.model([features, *states], training=False)
        return logits.numpy(), [state.numpy() for state in states]

    stream = ChunkModel(
        network,
        LogMel(front_end.sample_rate_hz, 20.0, 10.0, front_end.mel_bands),
        {state.name: state.shape[1] for state in predictor.model.inputs[1:]},
        front_end.frames(config.data.clip_ms) if request.param == "max" else 0,
        predictor.labels,
        predictor.detection,
    )
    return predictor.stream, stream


def test_the_carry_is_that_of_the_signature(pair):
    signature, stream = pair
    specs = signature.input_signature[1:]
    assert stream.carry == {spec.name: tuple(spec.shape[1:]) for spec in specs}


def test_chunk_after_chunk_gives_what_the_signature_gives(pair):
    signature, stream = pair
    rng = np.random.default_rng(5)
    carry = {n: np.zeros((2, *shape), "float32") for n, shape in stream.carry.items()}
    expected_carry = carry
    for frames in (1, 3, 0, 25, 40):
        samples = rng.normal(0, 0.1, (2, 80 * frames)).astype("float32")
        expected = signature(samples, *expected_carry.values())
        outputs = stream(samples, **carry)
        assert sorted(outputs) == sorted(expected)
        for name, tensor in expected.items():
            found, known = outputs[name], tensor.numpy()
            assert found.shape == known.shape
            if name == "labels":
                assert found.tolist() == [[n.decode() for n in row] for row in known]
                continue
            assert found.dtype == known.dtype
            np.testing.assert_allclose(found, known, rtol=1e-4, atol=1e-5)
        carry = {name: outputs[name] for name in carry}
        expected_carry = {name: expected[name] for name in carry}


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((1, 81), "float32"), "samples: expected a multiple of 80 samples."),
        (np.full((1, 80), np.nan, "float32"), "samples: expected finite samples."),
    ],
)
def test_samples_that_cannot_be_meant_are_refused(pair, samples, message):
    _, stream = pair
    carry = {n: np.zeros((1, *shape), "float32") for n, shape in stream.carry.items()}
    with pytest.raises(ValueError, match=message):
        stream(samples, **carry)


@pytest.mark.parametrize("width", [1, 2, 3, 7, 8, 20])
def test_the_running_maximum_is_that_of_each_window(width):
    x = np.random.default_rng(1).normal(size=(2, 20, 3))
    windows = [x[:, t : t + width].max(axis=1) for t in range(21 - width)]
    np.testing.assert_array_equal(running_maximum(x, width), np.stack(windows, axis=1))
