"""Exports a finished run as a SavedModel that takes waveforms."""

from functools import partial

import numpy as np
import tensorflow as tf

from apps.common.export.savedmodel import export_run


def examples(predictor):
    """Returns example inputs of each signature, for the check and the warm-up."""
    rate_hz = predictor.config.data.sample_rate_hz
    time = np.arange(predictor.samples) / rate_hz
    tones = np.stack([0.3 * np.sin(2 * np.pi * f * time) for f in (220, 440)])
    # With noise, since the logarithm of a silent band shows how its power is rounded.
    noise = np.random.default_rng(0).normal(scale=0.01, size=tones.shape)
    tones = (tones + noise).astype("float32")
    files = [tf.audio.encode_wav(t[:, np.newaxis], rate_hz).numpy() for t in tones]
    examples = {
        "serving_default": {"waveform": tones},
        "gates": {"waveform": tones},
        "wav": {"wav_bytes": np.array(files, dtype=object)},
    }
    if predictor.streams:
        carry = predictor.stream.input_signature[1:]
        examples["stream"] = {
            "samples": tones[:, : 3 * predictor.front_end.hop],
            **{s.name: np.zeros((2, *s.shape[1:]), "float32") for s in carry},
        }
    return examples


export = partial(export_run, examples=examples)
