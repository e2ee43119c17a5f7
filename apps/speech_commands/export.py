"""Exports a finished run as a SavedModel that takes sound."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.common.export import export_model
from apps.common.versions import newest_version
from apps.speech_commands.evaluate import answering, load_run
from apps.speech_commands.explain import gating
from apps.speech_commands.features import fit_clip
from apps.speech_commands.model import streams
from apps.speech_commands.stream import streaming

NAME = "speech_commands"


def export(directory):
    """Writes `export/speech_commands/1/` into a run directory, unless it is there.

    Its signatures: `serving_default`, as `answering` says; `wav`, as `answering_files`
    says; `gates`, as `gating` says; and for a model that answers at each frame
    `stream`, as `streaming` says.

    Args:
        directory: Run directory whose training has ended.

    Returns:
        The path of the SavedModel.
    """
    target = Path(directory, "export", NAME)
    if version := newest_version(target):
        print(f"{version} is exported already.")
        return version
    config, model, labels, front_end = load_run(directory)
    rate = config.data.sample_rate_hz
    samples = rate * config.data.clip_ms // 1000
    answer = answering(model, labels, front_end, config)
    time = np.arange(samples) / rate
    tones = np.stack([0.3 * np.sin(2 * np.pi * f * time) for f in (220, 440)])
    tones = tones.astype("float32")
    signatures = {
        "serving_default": answer,
        "wav": answering_files(answer, rate, samples),
        "gates": gating(model, front_end, config),
    }
    files = [tf.audio.encode_wav(tone[:, np.newaxis], rate).numpy() for tone in tones]
    examples = {
        "serving_default": {"waveform": tones},
        "gates": {"waveform": tones},
        "wav": {"wav_bytes": np.array(files, dtype=object)},
    }
    if streams(model):
        signatures["stream"] = streaming(model, front_end, config, labels)
        carry = signatures["stream"].input_signature[1:]
        examples["stream"] = {
            "samples": tones[:, : 3 * front_end.hop],
            **{s.name: np.zeros((2, *s.shape[1:]), "float32") for s in carry},
        }
    return export_model(target, tracked=[], signatures=signatures, examples=examples)


def answering_files(answer, sample_rate_hz, samples):
    """Returns the function that answers for WAV files.

    It takes `wav_bytes`, the bytes of 16-bit PCM files at the model's sample rate
    `(batch,)`, and returns what `answer` returns. Channels are averaged.
    """
    spec = tf.TensorSpec([None], "string", name="wav_bytes")

    def decode(file):
        audio, rate = tf.audio.decode_wav(file)
        tf.debugging.assert_equal(
            rate, sample_rate_hz, f"Expected a sample rate of {sample_rate_hz} Hz."
        )
        tf.debugging.assert_positive(tf.shape(audio)[0], "The file has no sample.")
        return fit_clip(tf.reduce_mean(audio, axis=1)[tf.newaxis], samples)[0]

    @tf.function(autograph=False, input_signature=[spec])
    def answer_files(wav_bytes):
        waveform = tf.map_fn(decode, wav_bytes, fn_output_signature="float32")
        return answer(tf.ensure_shape(waveform, [None, samples]))

    return answer_files
