"""The keyword model in PyTorch."""

from torch import nn
from torch.nn import functional

from experiments.benchmarks.models.torch_layers import linear, lstm


class Model(nn.Module):
    """PyTorch's twin of `apps.speech_commands.model`, with logits at each frame.

    Args:
        model: The Keras model whose weights are copied.
        config: A `Config` of the app.
    """

    def __init__(self, model, config):
        super().__init__()
        self.dropout = config.model.dropout
        numbers = range(1, config.model.num_layers + 1)
        self.layers = nn.ModuleList(lstm(model.get_layer(f"lstm_{n}")) for n in numbers)
        self.logits = linear(model.get_layer("logits"))

    def loss(self, batch):
        """Returns the objective of a batch."""
        x, one_hot = batch  # the normalization of an untrained model changes nothing
        for layer in self.layers:
            x = functional.dropout(layer(x)[0], self.dropout, self.training)
        logits = self.logits(x).amax(1)
        return functional.cross_entropy(logits, one_hot.argmax(-1))
