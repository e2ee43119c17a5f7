"""Shows what the gates did with a clip."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.common.explanation import write_explanations
from apps.common.traces import gate_outputs
from apps.speech_commands.audio import read_audio
from apps.speech_commands.evaluate import load_run, predict
from apps.speech_commands.features import fit_clip
from apps.speech_commands.model import clip_logits
from lstm_layer.gates import record_gates


def explain(directory, files):
    """Draws what each layer did with each clip, into `explain/` of the run directory.

    Args:
        directory: Run directory whose training has ended.
        files: Paths of audio files of any rate; of a long one the loudest part counts.

    Returns:
        The paths of the pages.
    """
    config, model, _, front_end = load_run(directory)
    gates = gating(model, front_end, config)
    rows = []
    for file, answer in zip(files, predict(directory, files), strict=True):
        waveform = read_audio(file, config.data.sample_rate_hz)[np.newaxis]
        share = answer["probabilities"][answer["label"]]
        said = f"{answer['label']} ({share:.0%})"
        rows.append((Path(file).name, said, gates(waveform)))
    return write_explanations(directory, rows)


def gating(model, front_end, config):
    """Returns the function behind the signature `gates`.

    It takes `waveform`, float32 between -1 and 1 `(batch, any)`, and returns what
    `gate_outputs` says; a timestep's label is the time at its end.
    """
    samples = config.data.sample_rate_hz * config.data.clip_ms // 1000
    frames = front_end.frames(config.data.clip_ms)
    ends = (1 + np.arange(frames)) * config.features.hop_ms
    labels = tf.constant([f"{end:.0f} ms" for end in ends])
    spec = tf.TensorSpec([None, None], "float32", name="waveform")

    @tf.function(autograph=False, input_signature=[spec])
    def gates(waveform):
        features = front_end(fit_clip(waveform, samples))
        _, found = record_gates(
            lambda: clip_logits(model, features, config.model.pooling)
        )
        return gate_outputs(found, tf.tile(labels[None], [tf.shape(waveform)[0], 1]))

    return gates
