"""The state that a model takes and returns, so that it can go on where it stopped."""

from keras import ops


def zero_state(model, batch_size):
    """Returns the state before the first timestep: zeros, `(batch_size, units)` each.

    Args:
        model: A model whose inputs after the first are its state.
        batch_size: Rows of each tensor.
    """
    return [ops.zeros((batch_size, state.shape[1])) for state in model.inputs[1:]]
