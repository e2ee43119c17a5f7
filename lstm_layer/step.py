"""One step of an LSTM: the equations, and the only place where they stand.

The cell, the fast loop over a sequence and the recorder of the gates all call
`lstm_step`. Read it beside docs/lstm.md.
"""

from typing import Any, NamedTuple

from keras import activations, ops

BLOCKS = 4  # the sums of i, f, the candidate and o stand side by side, in this order


class Step(NamedTuple):
    """The values that one step computes, each `(batch, units)`."""

    f: Any  # forget gate
    i: Any  # input gate
    c_tilde: Any  # candidate C~
    c: Any  # new cell state C
    o: Any  # output gate
    h: Any  # output


def lstm_step(
    z, c_prev, activation=activations.tanh, recurrent_activation=activations.sigmoid
):
    """Computes gates, cell state and output from the four sums.

    Args:
        z: The sums x_t W + h_{t-1} U + b, `(batch, 4 * units)`, packed i, f, c, o.
        c_prev: Cell state C_{t-1}, `(batch, units)`.
        activation: Squashes the candidate and the cell state.
        recurrent_activation: Squashes the three gates.

    Returns:
        A `Step`.
    """
    z_i, z_f, z_c, z_o = ops.split(z, BLOCKS, axis=-1)

    # Group 1, forget gate: what to keep of the previous cell state.
    f = recurrent_activation(z_f)

    # Group 2, input gate and candidate: what to write; then the new cell state.
    i = recurrent_activation(z_i)
    c_tilde = activation(z_c)
    c = f * c_prev + i * c_tilde

    # Group 3, output gate: what to show of the cell state.
    o = recurrent_activation(z_o)
    h = o * activation(c)
    return Step(f, i, c_tilde, c, o, h)
