"""The gradient of one step, by hand, and the check that it fits the equations."""

import functools
import warnings

import numpy as np
import tensorflow as tf


def step_gradient(f, i, c_tilde, o, c_prev, dh, dc):
    """Returns the gradients of the sums and of C_{t-1}, given those of h_t and C_t.

    That of `lstm_step` with tanh and sigmoid, from the gates that it computed. Each
    argument is `(batch, units)`, the gradient of the sums `(batch, 4 * units)`.
    """
    tanh_c = tf.tanh(f * c_prev + i * c_tilde)  # costs less than to keep it
    dc = dc + dh * o * (1 - tanh_c * tanh_c)
    dz = [
        dc * c_tilde * i * (1 - i),
        dc * c_prev * f * (1 - f),
        dc * i * (1 - c_tilde * c_tilde),
        dh * tanh_c * o * (1 - o),
    ]
    return tf.concat(dz, axis=-1), dc * f


def gradient_is_of(step):
    """Whether `step_gradient` is the gradient of a function, such as `lstm_step`.

    It compares with differences of the function at random numbers: whoever edits the
    equations trains with the gradient of what they wrote.
    """
    units, epsilon = 3, 1e-6
    rng = np.random.default_rng(1997)
    point, dh, dc = (rng.normal(size=size) for size in (5 * units, units, units))
    moved = point + epsilon * np.concatenate([np.eye(5 * units), -np.eye(5 * units)])

    def step_at(points):  # (rows, 4 * units of z and units of C_{t-1})
        z, c_prev = np.split(points, [4 * units], axis=-1)
        return step(tf.constant(z), tf.constant(c_prev)), c_prev

    with tf.init_scope():  # a gradient tape does not record here
        new, _ = step_at(moved)
        up, down = np.split(np.sum(dh * new.h + dc * new.c, axis=-1), 2)
        new, c_prev = step_at(point[np.newaxis])
        gradient = step_gradient(new.f, new.i, new.c_tilde, new.o, c_prev, dh, dc)
        by_hand = np.concatenate([part[0] for part in gradient])
    return np.allclose((up - down) / (2 * epsilon), by_hand, rtol=0, atol=1e-7)


@functools.cache
def gradient_is_current(step):
    """Whether `step_gradient` fits the equations; if it does not, warns once."""
    current = gradient_is_of(step)
    if not current:
        warnings.warn(
            "lstm_layer.step.lstm_step was changed: lstm_layer.gradient.step_gradient "
            "is not its gradient. Every LSTM runs the slower loop over its cell. To "
            "have the fast loop, change step_gradient too.",
            stacklevel=2,
        )
    return current
