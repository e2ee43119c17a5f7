"""The states of models that take and return their LSTM states."""

from keras import ops


def zero_state(model, batch_size):
    """Returns the state before the first timestep: zeros, `(batch_size, units)` each.

    Args:
        model: A model whose inputs after the first are its state tensors.
        batch_size: Number of rows of each tensor.
    """
    return [ops.zeros((batch_size, state.shape[1])) for state in model.inputs[1:]]


def next_states(states, tensors):
    """Returns the state after a call by name: the state `h_1` becomes `next_h_1`.

    Args:
        states: The inputs of the model that are its state.
        tensors: The state after the call, in the same order.
    """
    names = [f"next_{state.name}" for state in states]
    return dict(zip(names, tensors, strict=True))
