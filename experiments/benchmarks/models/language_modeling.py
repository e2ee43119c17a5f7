"""The language model in PyTorch."""

from torch import nn
from torch.nn import functional

from experiments.benchmarks.models.torch_layers import lstm, parameter


class Model(nn.Module):
    """PyTorch's twin of `apps.language_modeling.model`: one layer, no dropout.

    Args:
        model: The Keras model whose weights are copied.
        config: A `Config` of the app.
    """

    def __init__(self, model, config):
        super().__init__()
        embedding = model.get_layer("embedding")
        self.vectors, self.bias = map(parameter, (embedding.vectors, embedding.bias))
        self.lstm = lstm(model.get_layer("lstm_1"))
        self.tokens = config.train.batch_size * config.train.window
        self.state = None

    def loss(self, batch):
        """Returns the objective of a batch; keeps the state for the next one."""
        inputs, targets = batch
        x = functional.embedding(inputs["token_ids"], self.vectors)
        x, state = self.lstm(x, self.state)
        self.state = tuple(tensor.detach() for tensor in state)
        logits = functional.linear(x, self.vectors, self.bias)
        loss = functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), reduction="sum"
        )
        return loss / self.tokens
