"""Exports a finished run as a SavedModel that takes waveforms."""

import sys
from functools import partial

import numpy as np
import tensorflow as tf

from apps.common.export.litert.graphs import DeviceInputs
from apps.common.export.savedmodel import export_run
from apps.speech_commands.data import Batches, load_data

BATCH_SIZE = 128
MOST_CLIPS = {"train": 128, "validation": 2000}  # to calibrate and to measure
EXAMPLES = 20


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


def device_inputs(predictor):
    """Returns log-mel frames: augmented training clips to calibrate, validation clips.

    Where the data set cannot be read, as in a run that was moved, it returns tones to
    try the files on, and one line says what is left out.
    """
    config, labels, front_end = predictor.config, predictor.labels, predictor.front_end
    try:
        train, validation = (
            getattr(load_data(config.data, (split,), labels, most), split)
            for split, most in MOST_CLIPS.items()
        )
    except (ValueError, OSError) as error:
        print(f"Float LiteRT files alone, none in int8: {error}", file=sys.stderr)
        tones = examples(predictor)["serving_default"]["waveform"]
        return DeviceInputs(_rows(front_end(tones)))
    batches = Batches(
        train,
        len(labels),
        front_end,
        len(train.labels),
        augmentation=config.augmentation,
    )
    calibration, _ = next(iter(batches.shuffled(config.train.seed)))
    batches = Batches(validation, len(labels), front_end, BATCH_SIZE)
    clips = [row for frames, _ in batches.in_order() for row in _rows(frames)]
    every = -(-len(clips) // EXAMPLES)
    return DeviceInputs(clips[::every], _rows(calibration), clips, validation.labels)


def _rows(frames):
    """Returns each clip's frames `(1, frames, bands)` of a batch."""
    return np.split(np.asarray(frames), len(frames))


export = partial(export_run, examples=examples, device_inputs=device_inputs)
