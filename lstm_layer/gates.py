"""Records the gates of an LSTM over a sequence, and the contributions to its state."""

import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from lstm_layer.cell import LSTMCell
from lstm_layer.step import Step

NAMES = Step._fields
_calls = ContextVar("calls of layers that are recorded", default=None)


@dataclass(frozen=True)
class Gates:
    """The values that a cell computed, each `(batch, timesteps, units)`.

    Where the mask is False the cell computed nothing: the values are those of the step
    before.

    Attributes:
        f: Forget gate. It is None, like i, C~ and o, for a cell that overrides
            `LSTMCell.call`, whose gates are not known.
        i: Input gate.
        c_tilde: Candidate C~.
        c: Cell state after the step.
        o: Output gate.
        h: Output.
        mask: `(batch, timesteps)`, True for a real timestep, or None.
        backwards: Whether the cell read the sequence from its end. The timesteps are in
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
    """Adds a call of an `lstm_layer.LSTM` to the list of `record_gates`, if it runs."""
    if (calls := _calls.get()) is not None:
        calls.append((layer, sequences, initial_state, mask))


@contextmanager
def _noted():
    """Yields the list to which the layers' calls are added while the block runs."""
    calls = []
    token = _calls.set(calls)
    try:
        yield calls
    finally:
        _calls.reset(token)


def record_gates(run):
    """Calls `run()`, and returns its result and the gates of each `LSTM` it called.

    The result is the same as without recording. The gates are computed once more, from
    the same inputs and weights, without dropout. It works inside a `tf.function` too.

    >>> from lstm_layer import LSTM
    >>> model = keras.Sequential([LSTM(3, name="memory")])
    >>> output, gates = record_gates(lambda: model(ops.ones((2, 5, 4))))
    >>> tuple(output.shape), tuple(gates["memory"].f.shape)
    ((2, 3), (2, 5, 3))

    Args:
        run: Calls a model, or several.

    Returns:
        The result of `run`, and a dictionary of `Gates` by the name of the layer, in
        the order of the calls. A second call of a layer is `name_2`.

    Raises:
        ValueError: If a layer's cell is not an `LSTMCell`.
    """
    with _noted() as calls:
        result = run()
    gates = {}
    for layer, *arguments in calls:
        name, number = layer.name, 2
        while name in gates:
            name, number = f"{layer.name}_{number}", number + 1
        gates[name] = gates_of(layer.cell, *arguments, backwards=layer.go_backwards)
    return result, gates


def gates_of(cell, sequences, initial_state=None, mask=None, backwards=False):
    """Returns the gates and states of a cell that reads sequences, without dropout.

    The values come from `cell.sums` and `cell.step`, which `LSTMCell.call` calls. Of a
    cell that overrides `call` only the states are known; a warning says so.

    Args:
        cell: An `LSTMCell` or an instance of a subclass, built.
        sequences: x of all timesteps, `(batch, timesteps, features)`.
        initial_state: `[h, c]` before the first step; zeros by default.
        mask: `(batch, timesteps)`, True for a real timestep.
        backwards: Whether the cell reads from the end.

    Returns:
        `Gates`.

    Raises:
        ValueError: If the cell is not an `LSTMCell`: others do not have these gates.
    """
    if not isinstance(cell, LSTMCell):
        raise ValueError(
            "Expected an `LSTMCell` or an instance of a subclass: other cells do not "
            f"have its gates. Received: cell={cell!r}."
        )
    names = NAMES
    if type(cell).call is not LSTMCell.call:
        names = ("c", "h")
        warnings.warn(
            f"{type(cell).__name__} overrides `call`: its gates are not known, so only "
            "its states c and h are recorded. Override `step` if you can.",
            stacklevel=2,
        )
    if initial_state is None:
        initial_state = cell.get_initial_state(ops.shape(sequences)[0])
    rnn = keras.layers.RNN(
        _GateOutputs(cell, names), return_sequences=True, go_backwards=backwards
    )
    outputs = rnn(sequences, initial_state=list(initial_state), mask=mask)
    if backwards:
        outputs = ops.flip(outputs, axis=1)
    values = dict(zip(names, ops.split(outputs, len(names), axis=-1), strict=True))
    values = {name: values.get(name) for name in NAMES}
    return Gates(**values, mask=mask, backwards=backwards)


class _GateOutputs(keras.layers.Layer):
    """A cell whose output is all that another cell computes, side by side."""

    def __init__(self, cell, names):
        super().__init__(dtype=cell.dtype_policy)
        self.cell = cell
        self.names = names
        self.state_size = cell.state_size
        self.output_size = len(names) * cell.units
        self.built = True

    def call(self, inputs, states):
        """Takes one step of the cell."""
        h_prev, c_prev = states
        if self.names == NAMES:
            new = self.cell.step(self.cell.sums(inputs, h_prev), c_prev)
            values, states = new._asdict(), [new.h, new.c]
        else:
            _, states = self.cell(inputs, states)
            values = dict(zip(("h", "c"), states, strict=True))
        outputs = [values[name] for name in self.names]
        return ops.concatenate(outputs, axis=-1), list(states)


def contributions(gates, row=0):
    """Returns how much each timestep s contributes to the cell state C_t.

    Unrolled over time, the cell state is a sum::

        C_t = f_t ... f_1 C_0 + sum_s (f_t ... f_{s+1}) i_s C~_s

    The contribution of s at t is the term of s. It is exact along the cell state, and
    says nothing about the way from h through the gates. With C_0 = 0 the contributions
    at t add up to C_t.

    Args:
        gates: `Gates`.
        row: Index of the row in the batch.

    Returns:
        NumPy `(timesteps t, timesteps s, units)`, zero where s comes after t, or before
        it for a cell that reads backwards.

    Raises:
        ValueError: If the gates are not known, or if the cell state is not
            f_t C_{t-1} + i_t C~_t.
    """
    if gates.f is None:
        raise ValueError(
            "The contributions to C need the gates f, i and c_tilde. Received: gates "
            "of a cell that overrides `call`. Override `step` if you can."
        )
    f, i, c_tilde, c = (
        np.asarray(values[row]).astype("float64")
        for values in (gates.f, gates.i, gates.c_tilde, gates.c)
    )
    written = i * c_tilde
    if gates.mask is not None:
        real = np.asarray(gates.mask[row], bool)[:, np.newaxis]
        f, written = np.where(real, f, 1.0), np.where(real, written, 0.0)
    order = slice(None, None, -1 if gates.backwards else 1)
    f, written, c = f[order], written[order], c[order]
    _check_cell_state(f, written, c, gates.c[row].dtype)
    held = np.zeros((len(f), *f.shape))
    for t in range(len(f)):
        if t:
            held[t, :t] = held[t - 1, :t] * f[t]
        held[t, t] = written[t]
    return held[order, order]


def _check_cell_state(f, written, c, dtype):
    """Raises if C_t is not f_t C_{t-1} + i_t C~_t, within the precision of a dtype."""
    half = keras.backend.standardize_dtype(dtype) in ("float16", "bfloat16")
    tolerance = 0.05 if half else 1e-3
    error = np.abs(f[1:] * c[:-1] + written[1:] - c[1:]).max(initial=0.0)
    if error > tolerance * max(1.0, np.abs(c).max(initial=0.0)):
        raise ValueError(
            "The contributions add up to C only if C_t = f_t C_{t-1} + i_t C~_t. "
            f"Received: a cell state that differs from it by up to {error:.2g}."
        )
