"""Samples of every type become floats between -1 and 1, or are refused."""

import numpy as np
import pytest

from apps.common.portable.samples import as_samples


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "uint16"])
def test_integers_are_scaled_by_their_type(dtype):
    info = np.iinfo(dtype)
    middle = (info.min + info.max + 1) // 2
    samples = np.array([info.min, middle, info.max], dtype)
    scaled = as_samples(samples, "x")
    assert scaled.dtype == "float32"
    step = 2 / (info.max - info.min)
    np.testing.assert_allclose(scaled, [-1, 0, 1], atol=2 * step)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_stay_as_they_are(dtype):
    samples = np.array([-1, 0.25, 1.2], dtype)  # decoders overshoot a little
    assert as_samples(samples, "x").dtype == "float32"
    np.testing.assert_array_equal(as_samples(samples, "x"), samples.astype("float32"))
    assert as_samples(samples[:0], "x").shape == (0,)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.array([0.0, 12000.0]), "x: expected samples between -1 and 1. Received: "),
        (np.array([0.1, -3.0]), "Received: 3 at sample 8. Divide by the full scale"),
        (np.array([0.0, np.inf]), "x: expected finite samples. Received: NaN or inf"),
        (np.array([np.nan]), "first at sample 7."),
        (np.zeros((2, 2)), "Received: float64 (2, 2)."),
        (np.array(["a"]), "x: expected samples of shape (samples,), floats between"),
        (np.array([True]), "Received: bool (1,)."),
        ([0, 12000], "x: expected integers of 8, 16 or 32 bits, whose type is their"),
    ],
    ids=str,
)
def test_other_samples_are_refused_in_one_line(samples, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        as_samples(samples, "x", place=7)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
