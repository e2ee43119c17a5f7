"""The initial state of models that take and return their LSTM states."""

from keras import ops


def zero_state(model, batch_size):
    """Returns the state before the first timestep: zeros, `(batch_size, units)` each.

    Args:
        model: A model whose inputs after the first are its state tensors.
        batch_size: Number of rows of each tensor.
    """
    return [ops.zeros((batch_size, state.shape[1])) for state in model.inputs[1:]]
