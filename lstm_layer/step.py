"""Defines one step of an LSTM: the equations, in the order of the tutorial.

They are written here and nowhere else: the cell, the fast loop over a sequence and the
recorder of the gates all call `lstm_step`. Read it beside docs/lstm.md.
"""

from typing import Any, NamedTuple

from keras import activations, ops

# A packed weight has one block of `units` columns for each of i, f, C~ and o, side by
# side in this order, as in Keras. Three are gates; C~ is the candidate.
BLOCKS = 4


class Step(NamedTuple):
    """Holds the values that one step computes, each `(batch, units)`."""

    f: Any  # forget gate
    i: Any  # input gate
    c_tilde: Any  # candidate values C~
    c: Any  # new cell state C
    o: Any  # output gate
    h: Any  # output


def lstm_step(
    z, c_prev, activation=activations.tanh, recurrent_activation=activations.sigmoid
):
    """Computes gates, cell state and output from the four sums of one timestep.

    Source: Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and
    Cummins 2000. The groups are those of the tutorial.

    Args:
        z: The sums x_t W + h_{t-1} U + b, `(batch, 4 * units)`, packed i, f, C~, o.
        c_prev: Cell state C_{t-1}, `(batch, units)`.
        activation: Function of the candidate and of the cell state, by default tanh.
        recurrent_activation: Function of the three gates, by default sigmoid.

    Returns:
        A `Step`.
    """
    z_i, z_f, z_c, z_o = ops.split(z, BLOCKS, axis=-1)

    # Group 1.1, forget gate: 0 forgets everything, 1 keeps everything.
    f = recurrent_activation(z_f)
    # Group 1.2, the forget gate applied to the previous cell state.
    kept = f * c_prev

    # Group 2.1, input gate (which values to update) and candidate values.
    i = recurrent_activation(z_i)
    c_tilde = activation(z_c)
    # Group 2.2, the candidate values scaled by the input gate.
    written = i * c_tilde

    # Groups 1 and 2 together: the new cell state.
    c = kept + written

    # Group 3, output gate: which parts of the cell state to output.
    o = recurrent_activation(z_o)
    h = o * activation(c)
    return Step(f, i, c_tilde, c, o, h)
