"""Builds recurrent networks of one size, and measures their gradients over time."""

import keras
import numpy as np
import tensorflow as tf

from experiments.research.long_term_dependencies.tasks import COPIED
from lstm_layer import LSTM
from lstm_layer.initializers import ChronoBias

UNITS = 64  # of the simple RNN; the others have no more parameters
EMBEDDING_DIM = 16


def build_model(kind, task, gap):
    """Returns an uncompiled model.

    All kinds have about the same number of parameters: at most those of the simple RNN
    with `UNITS` units.

    Args:
        kind: A name of `KINDS`.
        task: A `Task`.
        gap: Length of the gaps.
    """
    longest = task.make(np.random.default_rng(0), 1, gap)[0].shape[1]
    most = _model("rnn", task, UNITS, longest).count_params()
    units = UNITS
    while (model := _model(kind, task, units, longest)).count_params() > most:
        units -= 1
    return model


def _model(kind, task, units, longest):
    whole = task.title == "copying"
    if kind == "rnn":
        layer = keras.layers.SimpleRNN(units, return_sequences=whole, name="recurrent")
    elif kind == "gru":
        layer = keras.layers.GRU(units, return_sequences=whole, name="recurrent")
    else:
        options = {}
        if kind == "chrono":
            options = {
                "unit_forget_bias": False,
                "bias_initializer": ChronoBias(longest),
            }
        layer = LSTM(units, return_sequences=whole, name="recurrent", **options)
    if task.tokens:
        inputs = keras.Input((None,), dtype="int32")
        spread = keras.initializers.RandomNormal(stddev=1.0)
        x = keras.layers.Embedding(task.tokens, EMBEDDING_DIM, spread, name="words")(
            inputs
        )
    else:
        inputs = x = keras.Input((None, 2))
    x = layer(x)
    if whole:
        x = x[:, -COPIED:]
    outputs = keras.layers.Dense(task.classes or 1, name="answer")(x)
    return keras.Model(inputs, outputs)


def gradient_norms(model, x, y):
    """Measures how much the final loss depends on the state at each timestep.

    Args:
        model: A model of `build_model` that outputs one class, at the last timestep.
        x: Inputs, `(batch, timesteps)`.
        y: Classes, `(batch,)`.

    Returns:
        For "h", and for an LSTM's "c": the norm of the gradient of the loss with
        respect to the state at each timestep, a mean over the batch, `(timesteps,)`.
    """
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    answer = model.get_layer("answer")
    return state_gradients(
        model.get_layer("recurrent").cell,
        model.get_layer("words")(x),
        lambda h: loss(y, answer(h)),
    )


def state_gradients(cell, x, loss):
    """Measures how much a loss at the end depends on the state at each timestep.

    Args:
        cell: Cell of a recurrent layer; its first state is its output h.
        x: Inputs of the cell, `(batch, timesteps, features)`.
        loss: Function from the last h, `(batch, units)`, to the sum of the losses of
            all rows.

    Returns:
        As `gradient_norms`.
    """
    with tf.GradientTape() as tape:
        states = cell.get_initial_state(batch_size=len(x))
        states = states if isinstance(states, (list, tuple)) else [states]
        states, kept = [tf.identity(state) for state in states], []
        for t in range(x.shape[1]):
            _, states = cell(x[:, t], states)
            states = [tf.identity(state) for state in states]
            tape.watch(states)
            kept.append(states)
        value = loss(states[0])
    gradients = tape.gradient(value, kept)
    return {
        name: [_mean_norm(step[index]) for step in gradients]
        for index, name in enumerate(("h", "c")[: len(states)])
    }


def _mean_norm(gradient):
    """Returns the mean norm over the batch; 0 for None, a state without effect."""
    if gradient is None:
        return 0.0
    return float(tf.reduce_mean(tf.norm(gradient, axis=-1)))
