"""What the gates did over a sequence, and what the cell state still holds of it."""

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from lstm_layer.cell import LSTMCell
from lstm_layer.step import BLOCKS as GATES

NAMES = ("f", "i", "c_tilde", "c", "o", "h")
_calls = ContextVar("calls of layers that are recorded", default=None)


@dataclass(frozen=True)
class Gates:
    """What happened in a cell, each `(batch, timesteps, units)`.

    Where the mask is False nothing happened: the values are those of the step before.

    Attributes:
        f: Forget gate.
        i: Input gate.
        c_tilde: C~, what could be written.
        c: Cell state after the step.
        o: Output gate.
        h: Output.
        mask: `(batch, timesteps)`, True for a real timestep, or None.
        backwards: Whether the sequence was read from its end; the timesteps are in
            the order of the sequence all the same.
    """

    f: object
    i: object
    c_tilde: object
    c: object
    o: object
    h: object
    mask: object = None
    backwards: bool = False


def note_call(layer, sequences, initial_state, mask):
    """Notes a call of `lstm_layer.LSTM`, if anybody records; the layer says it."""
    if (calls := _calls.get()) is not None:
        calls.append((layer, sequences, initial_state, mask))


@contextmanager
def _noted():
    """Gives the list to which the layers' calls are added while the block runs."""
    calls = []
    token = _calls.set(calls)
    try:
        yield calls
    finally:
        _calls.reset(token)


def record_gates(run):
    """Returns what `run()` returns, and what happened in each `LSTM` meanwhile.

    The model computes what it computes without it; the gates are computed again, from
    the same inputs and weights, without dropout. It works inside a `tf.function` too.

    >>> from lstm_layer import LSTM
    >>> model = keras.Sequential([LSTM(3, name="memory")])
    >>> output, gates = record_gates(lambda: model(ops.ones((2, 5, 4))))
    >>> tuple(output.shape), tuple(gates["memory"].f.shape)
    ((2, 3), (2, 5, 3))

    Args:
        run: Calls a model, or several.

    Returns:
        What `run` returned, and `Gates` by the name of the layer, in the order in which
        they were called; a second call of a layer is `name_2`.
    """
    with _noted() as calls:
        result = run()
    found = {}
    for layer, *arguments in calls:
        name, number = layer.name, 2
        while name in found:
            name, number = f"{layer.name}_{number}", number + 1
        found[name] = gates_of(layer.cell, *arguments, backwards=layer.go_backwards)
    return result, found


def gates_of(cell, sequences, initial_state=None, mask=None, backwards=False):
    """Returns what happens in a cell that reads sequences.

    Args:
        cell: An `LSTMCell`, built.
        sequences: x of all timesteps, `(batch, timesteps, features)`.
        initial_state: `[h, c]` before the first step; zeros by default.
        mask: `(batch, timesteps)`, True for a real timestep.
        backwards: Whether it reads from the end.

    Returns:
        `Gates`.

    Raises:
        ValueError: If the cell is no `LSTMCell`: another has not these gates.
    """
    if not isinstance(cell, LSTMCell):
        raise ValueError(
            "Expected an `LSTMCell` or a class derived from it, since another cell has "
            f"not its gates. Received: cell={cell!r}."
        )
    if initial_state is None:
        initial_state = cell.get_initial_state(ops.shape(sequences)[0])
    rnn = keras.layers.RNN(
        _Telling(cell), return_sequences=True, go_backwards=backwards
    )
    told = rnn(sequences, initial_state=list(initial_state), mask=mask)
    if backwards:
        told = ops.flip(told, axis=1)
    return Gates(*ops.split(told, len(NAMES), axis=-1), mask=mask, backwards=backwards)


class _Telling(keras.layers.Layer):
    """A cell whose output is all that happens in another one, side by side."""

    def __init__(self, cell):
        super().__init__(dtype=cell.dtype_policy)
        self.cell = cell
        self.state_size = cell.state_size
        self.output_size = len(NAMES) * cell.units
        self.built = True

    def call(self, inputs, states):
        """Takes a step of the cell, and computes its gates from the same inputs."""
        cell, (h_prev, _) = self.cell, states
        h, (_, c) = cell(inputs, states)
        z = ops.matmul(inputs, cell.kernel) + ops.matmul(h_prev, cell.recurrent_kernel)
        if cell.use_bias:
            z = z + cell.bias
        z_i, z_f, z_c, z_o = ops.split(z, GATES, axis=-1)
        f, i, o = map(cell.recurrent_activation, (z_f, z_i, z_o))
        told = [f, i, cell.activation(z_c), c, o, h]
        return ops.concatenate(told, axis=-1), [h, c]


def memory(gates, row=0):
    """Returns what each timestep still contributes to the cell state at each other.

    The cell state is a sum over what was written and not forgotten since::

        C_t = f_t ... f_1 C_0 + sum_s (f_t ... f_{s+1}) i_s C~_s

    and a term of that sum is what timestep s still contributes at t: exact along the
    cell's linear path, and silent on what h carried through the gates.

    Args:
        gates: `Gates`.
        row: Which row of the batch.

    Returns:
        NumPy `(timesteps t, timesteps s, units)`, zero where s comes after t, or before
        it for a cell that reads backwards.
    """
    f, i, c_tilde = (
        np.asarray(x[row], "float64") for x in (gates.f, gates.i, gates.c_tilde)
    )
    written = i * c_tilde
    if gates.mask is not None:
        real = np.asarray(gates.mask[row], bool)[:, np.newaxis]
        f, written = np.where(real, f, 1.0), np.where(real, written, 0.0)
    order = slice(None, None, -1 if gates.backwards else 1)
    f, written = f[order], written[order]
    held = np.zeros((len(f), *f.shape))
    for t in range(len(f)):
        if t:
            held[t, :t] = held[t - 1, :t] * f[t]
        held[t, t] = written[t]
    return held[order, order]
