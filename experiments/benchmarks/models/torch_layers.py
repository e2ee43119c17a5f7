"""PyTorch's layers with the weights of Keras's layers."""

import keras
import torch
from torch import nn
from torch.nn import functional


def parameter(variable):
    """Returns a parameter with the value of a variable."""
    return nn.Parameter(torch.tensor(variable.numpy()))


def linear(dense):
    """Returns an `nn.Linear` with the weights of a `keras.layers.Dense`."""
    module = nn.Linear(*dense.kernel.shape, bias=dense.use_bias)
    module.weight = nn.Parameter(torch.tensor(dense.kernel.numpy().T))
    if dense.use_bias:
        module.bias = parameter(dense.bias)
    return module


def bidirectional_of(model):
    """Returns the only `keras.layers.Bidirectional` of a model."""
    kind = keras.layers.Bidirectional
    (layer,) = (layer for layer in model.layers if isinstance(layer, kind))
    return layer


def directions(layer):
    """Returns the LSTM layers of a `Bidirectional`, or the one layer itself."""
    if isinstance(layer, keras.layers.Bidirectional):
        return [layer.forward_layer, layer.backward_layer]
    return [layer]


def lstm(layer):
    """Returns an `nn.LSTM` with the weights of an LSTM layer or a `Bidirectional`."""
    layers = directions(layer)
    features, _ = layers[0].cell.kernel.shape
    both = len(layers) == 2
    module = nn.LSTM(
        features, layers[0].cell.units, batch_first=True, bidirectional=both
    )
    for one, suffix in zip(layers, ("_l0", "_l0_reverse"), strict=False):
        _copy(one.cell, module, suffix)
    return module


def lstm_cell(cell):
    """Returns an `nn.LSTMCell` with the weights of an LSTM cell."""
    features, _ = cell.kernel.shape
    module = nn.LSTMCell(features, cell.units)
    _copy(cell, module, "")
    return module


@torch.no_grad()
def _copy(cell, module, suffix):
    """Copies a cell's weights; both libraries pack i, f, C~, o.

    PyTorch's second bias stays 0, so that the step is that of one bias.
    """
    weights = {
        "weight_ih": cell.kernel.numpy().T,
        "weight_hh": cell.recurrent_kernel.numpy().T,
        "bias_ih": cell.bias.numpy(),
        "bias_hh": 0 * cell.bias.numpy(),
    }
    for name, value in weights.items():
        getattr(module, name + suffix).copy_(torch.tensor(value))
    getattr(module, "bias_hh" + suffix).requires_grad_(False)


class MaskedLSTM(nn.Module):
    """Reads rows of different lengths by one `nn.LSTM` for each direction.

    PyTorch's own way, packed rows, takes twice as long on a CPU: the library to which
    it hands a sequence does not read them. Here each direction reads the padding after
    the tokens, where it changes no output that counts. Only a final state would differ.

    Args:
        layer: An LSTM layer or a `Bidirectional`, whose weights are copied.
    """

    def __init__(self, layer):
        super().__init__()
        layers = directions(layer)
        self.forward_layer = lstm(layers[0])
        self.backward_layer = lstm(layers[1]) if layers[1:] else None

    def forward(self, x, lengths):
        """Returns the outputs, arbitrary beyond the `lengths` `(batch,)`."""
        outputs, _ = self.forward_layer(x)
        if self.backward_layer is None:
            return outputs
        t = torch.arange(x.shape[1])
        t = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)[..., None]
        backwards, _ = self.backward_layer(x.gather(1, t.expand_as(x)))
        backwards = backwards.gather(1, t.expand_as(backwards))
        return torch.cat([outputs, backwards], dim=-1)


def spatial_dropout(x, rate, training):
    """Drops features of `(batch, timesteps, features)`, the same at all timesteps."""
    if not training or not rate:
        return x
    return x * functional.dropout(torch.ones_like(x[:, :1]), rate)
