"""Records the gates of an LSTM over a sequence; splits C_t into contributions."""

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
_calls = ContextVar("recorded calls of layers", default=None)


@dataclass(frozen=True)
class Gates:
    """Holds the values that a cell computed, each `(batch, timesteps, units)`.

    The timesteps are in the order of the sequence. At a masked timestep the cell
    computes nothing; the values repeat those of the previous step.

    Attributes:
        f: Forget gate. f, i, c_tilde and o are None if the cell overrides
            `LSTMCell.call`, since they are then unknown.
        i: Input gate.
        c_tilde: Candidate values C~.
        c: Cell state after the step.
        o: Output gate.
        h: Output.
        mask: `(batch, timesteps)`, True for a real timestep, or None.
        backwards: Whether the cell read the sequence from its end.
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
    """Appends a call of an `LSTM` to the list of calls while `record_gates` runs."""
    if (calls := _calls.get()) is not None:
        calls.append((layer, sequences, initial_state, mask))


@contextmanager
def _record_calls():
    """Yields a list to which `note_call` appends while the `with` block runs."""
    calls = []
    token = _calls.set(calls)
    try:
        yield calls
    finally:
        _calls.reset(token)


def record_gates(run):
    """Calls `run()`; returns its result and the gates of each `LSTM` that it called.

    Recording does not change the result. The gates are computed a second time, from the
    same inputs and weights, without dropout. This works inside a `tf.function` too.

    >>> from lstm_layer import LSTM
    >>> model = keras.Sequential([LSTM(3, name="memory")])
    >>> output, gates = record_gates(lambda: model(ops.ones((2, 5, 4))))
    >>> tuple(output.shape), tuple(gates["memory"].f.shape)
    ((2, 3), (2, 5, 3))

    Args:
        run: Function without arguments that calls one or more models.

    Returns:
        The result of `run`, and a dictionary from layer name to `Gates`, in the order
        of the calls. The second call of a layer has the key `name_2`.

    Raises:
        ValueError: If a layer's cell is not an `LSTMCell`.
    """
    with _record_calls() as calls:
        result = run()
    gates = {}
    for layer, *arguments in calls:
        name, number = layer.name, 2
        while name in gates:
            name, number = f"{layer.name}_{number}", number + 1
        gates[name] = gates_of(layer.cell, *arguments, backwards=layer.go_backwards)
    return result, gates


def gates_of(cell, sequences, initial_state=None, mask=None, backwards=False):
    """Runs a cell over sequences without dropout; returns its gates and states.

    It calls `cell.sums` and `cell.step`, as `LSTMCell.call` does. If the cell overrides
    `call`, it records only the states and warns.

    Args:
        cell: `LSTMCell` or an instance of a subclass, built.
        sequences: x of all timesteps, `(batch, timesteps, features)`.
        initial_state: `[h, c]` before the first step, `(batch, units)` each; by default
            zeros.
        mask: `(batch, timesteps)`, True for a real timestep, or None.
        backwards: Whether the cell reads the sequence from its end.

    Returns:
        `Gates`.

    Raises:
        ValueError: If the cell is not an `LSTMCell`.
    """
    if not isinstance(cell, LSTMCell):
        raise ValueError(
            "`cell` must be an `LSTMCell` or an instance of a subclass: other cells "
            f"do not have its gates. Received: cell={cell!r}."
        )
    names = NAMES
    if type(cell).call is not LSTMCell.call:
        names = ("c", "h")
        warnings.warn(
            f"{type(cell).__name__} overrides `call`: its gates are unknown, and only "
            "its states c and h are recorded. To record the gates, override `step` "
            "instead.",
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
    """Wraps a cell; its output is all values of the step, concatenated."""

    def __init__(self, cell, names):
        super().__init__(dtype=cell.dtype_policy)
        self.cell = cell
        self.names = names
        self.state_size = cell.state_size
        self.output_size = len(names) * cell.units
        self.built = True

    def call(self, inputs, states):
        """Computes one step of the cell."""
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

    The contribution of timestep s to C_t is its term of this sum. This is exact for the
    path along the cell state; it leaves out the path from h_s through later gates. If
    C_0 is zero, the contributions add up to C_t.

    Args:
        gates: `Gates`.
        row: Index of the row in the batch.

    Returns:
        NumPy array `(timesteps t, timesteps s, units)`; zero where the cell reads s
        after t.

    Raises:
        ValueError: If the gates are unknown, or if the cell state is not
            f_t C_{t-1} + i_t C~_t.
    """
    if gates.f is None:
        raise ValueError(
            "`gates` must contain f, i and c_tilde. Received: gates of a cell that "
            "overrides `call`. Override `step` instead of `call`."
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
    terms = np.zeros((len(f), *f.shape))
    for t in range(len(f)):
        if t:
            terms[t, :t] = terms[t - 1, :t] * f[t]
        terms[t, t] = written[t]
    return terms[order, order]


def _check_cell_state(f, written, c, dtype):
    """Raises unless C_t = f_t C_{t-1} + i_t C~_t within the precision of the dtype."""
    half = keras.backend.standardize_dtype(dtype) in ("float16", "bfloat16")
    tolerance = 0.05 if half else 1e-3
    error = np.abs(f[1:] * c[:-1] + written[1:] - c[1:]).max(initial=0.0)
    if error > tolerance * max(1.0, np.abs(c).max(initial=0.0)):
        raise ValueError(
            "`gates` must satisfy C_t = f_t C_{t-1} + i_t C~_t. Received: a cell state "
            f"that differs from it by up to {error:.2g}. Only cells with this equation "
            "have contributions."
        )
