"""Builds the keyword model: log-mel frames, LSTMs, logits per clip or per frame."""

import math

import keras
from keras import ops

from apps.common.layers.pooling import MaskedPooling
from apps.common.layers.state import zero_state
from lstm_layer import LSTM

RANGE = 3.5 * math.log(10)  # 35 dB, as the logarithm of power


def build_model(
    num_classes,
    mel_bands,
    clip_normalization,
    units,
    num_layers,
    direction,
    pooling,
    dropout,
):
    """Returns an uncompiled model from log-mel frames to logits.

    Args:
        num_classes: Number of labels.
        mel_bands: Number of mel bands of a frame.
        clip_normalization: Whether to measure the frames from the loudest band of their
            clip; see `_normalized_clip`. By default a layer "normalization", to be
            adapted, normalizes each band by the mean and variance of all clips.
        units: Units of each LSTM.
        num_layers: Number of LSTM layers.
        direction: "forward", one LSTM per layer, predicts at each frame; `clip_logits`
            pools these. "both", two LSTMs per layer, predicts for a whole clip.
        pooling: With "both": "last" takes the last output of each LSTM, "max" the
            maximum over time, "attention" a weighted mean over time.
        dropout: Fraction dropped in training between layers and before the logits.

    Returns:
        "forward": a model from `[features (batch, frames, mel_bands), h_1, c_1, h_2,
        ...]` to `[logits (batch, frames, num_classes), h_1, c_1, h_2, ...]`.
        "both": a model from `features` to `logits (batch, num_classes)`.
    """
    features = keras.Input((None, mel_bands), name="features")
    if clip_normalization:
        x = _normalized_clip(features)
    else:
        x = keras.layers.Normalization(name="normalization")(features)
    inputs, outputs = [features], []
    for number in range(1, num_layers + 1):
        if number > 1:
            x = keras.layers.Dropout(dropout)(x)
        if direction == "forward":
            state = [keras.Input((units,), name=f"{name}_{number}") for name in "hc"]
            lstm = LSTM(
                units, return_sequences=True, return_state=True, name=f"lstm_{number}"
            )
            x, h, c = lstm(x, initial_state=state)
            inputs += state
            outputs += [h, c]
        else:
            sequences = pooling != "last" or number < num_layers
            lstm = LSTM(units, return_sequences=sequences, name=f"lstm_{number}")
            x = keras.layers.Bidirectional(lstm)(x)
    if direction == "both" and pooling != "last":
        x = MaskedPooling(pooling, name="pooling")(x)
    x = keras.layers.Dropout(dropout)(x)
    logits = keras.layers.Dense(num_classes, name="logits")(x)
    if direction == "both":
        return keras.Model(features, logits, name="speech_commands")
    return keras.Model(inputs, [logits, *outputs], name="speech_commands")


def _normalized_clip(x):
    """Measures log-mel frames from the loudest band of the clip, -2 to 2.

    0 to -35 dB become 2 to -2, and what is quieter is -2: silence around the word and
    quiet noise are alike, whatever the level of the recording.

    Args:
        x: Log-mel frames, `(batch, frames, mel_bands)`.
    """
    loudest = ops.max(x, axis=(1, 2), keepdims=True)
    return 2 - 4 * ops.minimum((loudest - x) / RANGE, 1.0)


def streams(model):
    """Returns whether a model predicts at each frame and returns its state."""
    return isinstance(model.output, list)


def clip_logits(model, features, pooling, frames=None, training=False):
    """Returns the logits of clips; pools them over frames if the model streams.

    Args:
        model: Model of `build_model`.
        features: Log-mel frames, `(batch, timesteps, mel_bands)`.
        pooling: For a model that predicts at each frame: "last" takes the last frame's
            logits, "max" the maximum of each label (Sun et al. 2016).
        frames: Frames per clip, if each row has several clips; by default a row is one
            clip.
        training: Whether dropout is active.

    Returns:
        `(batch, num_classes)`, or with `frames` `(batch, clips, num_classes)`.
    """
    features = ops.convert_to_tensor(features)
    if not streams(model):
        return model(features, training=training)
    logits = frame_logits(model, features, training)
    if frames:
        logits = of_clips(logits, frames)
    return pooled(logits, pooling)


def frame_logits(model, features, training=False):
    """Returns the logits of each frame, of a model that streams; see `clip_logits`."""
    state = zero_state(model, ops.shape(features)[0])
    logits, *_ = model([features, *state], training=training)
    return logits


def of_clips(logits, frames):
    """Cuts logits `(batch, timesteps, num_classes)` into clips of so many frames."""
    return ops.reshape(logits, (ops.shape(logits)[0], -1, frames, logits.shape[-1]))


def pooled(logits, pooling):
    """Pools logits over frames, `(..., frames, num_classes)`; see `clip_logits`."""
    return logits[..., -1, :] if pooling == "last" else ops.max(logits, axis=-2)
