"""Computes the gradient of one step by hand, and checks it against the equations."""

import functools
import warnings

import numpy as np
import tensorflow as tf


def step_gradient(f, i, c_tilde, o, c_prev, dh, dc):
    """Backpropagates through `lstm_step` with tanh and sigmoid.

    Args:
        f: Forget gate that `lstm_step` computed, `(batch, units)`, as all arguments.
        i: Input gate.
        c_tilde: Candidate values.
        o: Output gate.
        c_prev: Cell state C_{t-1}.
        dh: Gradient of the loss with respect to h_t.
        dc: Gradient of the loss with respect to C_t, from the step t + 1.

    Returns:
        The gradients with respect to the sums, `(batch, 4 * units)`, packed
        i, f, C~, o, and to C_{t-1}, `(batch, units)`.
    """
    tanh_c = tf.tanh(f * c_prev + i * c_tilde)  # cheaper than storing it
    dc = dc + dh * o * (1 - tanh_c * tanh_c)
    dz = [
        dc * c_tilde * i * (1 - i),
        dc * c_prev * f * (1 - f),
        dc * i * (1 - c_tilde * c_tilde),
        dh * tanh_c * o * (1 - o),
    ]
    return tf.concat(dz, axis=-1), dc * f


def gradient_is_of(step):
    """Returns whether `step_gradient` is the gradient of a function like `lstm_step`.

    Compares it with central differences of the function at one random point. So the
    fast loop never trains edited equations with the gradient of the old ones.

    Args:
        step: Function of the sums and C_{t-1} that returns a `Step`.
    """
    units, epsilon = 3, 1e-6
    rng = np.random.default_rng(1997)
    point, dh, dc = (rng.normal(size=size) for size in (5 * units, units, units))
    shifted = point + epsilon * np.concatenate([np.eye(5 * units), -np.eye(5 * units)])

    def step_at(points):  # (rows, 5 * units): z, then C_{t-1}
        z, c_prev = np.split(points, [4 * units], axis=-1)
        return step(tf.constant(z), tf.constant(c_prev)), c_prev

    with tf.init_scope():  # gradient tapes record nothing here
        new, _ = step_at(shifted)
        up, down = np.split(np.sum(dh * new.h + dc * new.c, axis=-1), 2)
        new, c_prev = step_at(point[np.newaxis])
        gradient = step_gradient(new.f, new.i, new.c_tilde, new.o, c_prev, dh, dc)
        by_hand = np.concatenate([part[0] for part in gradient])
    return np.allclose((up - down) / (2 * epsilon), by_hand, rtol=0, atol=1e-7)


@functools.cache
def gradient_is_current(step):
    """Returns `gradient_is_of(step)`, cached; the first call warns if it is False."""
    current = gradient_is_of(step)
    if not current:
        warnings.warn(
            "lstm_layer.step.lstm_step was changed: lstm_layer.gradient.step_gradient "
            "is not its gradient. Every LSTM now runs the slower loop over its cell. "
            "For the fast loop, change step_gradient to match.",
            stacklevel=2,
        )
    return current
