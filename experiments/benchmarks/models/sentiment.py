"""The sentiment classifier in PyTorch."""

from torch import nn
from torch.nn import functional

from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import PADDING_ID
from experiments.benchmarks.models.torch_layers import (
    MaskedLSTM,
    bidirectional_of,
    linear,
    parameter,
    spatial_dropout,
)


class Model(nn.Module):
    """PyTorch's twin of `apps.sentiment.model`: bidirectional, maximum over time.

    Args:
        model: The Keras model whose weights are copied.
        config: A `Config` of the app.
    """

    def __init__(self, model, config):
        super().__init__()
        self.settings = config.model
        self.vectors = parameter(model.get_layer("embedding").trained_vectors)
        self.lstm = MaskedLSTM(bidirectional_of(model))
        self.logits = linear(model.get_layer("logits"))

    def loss(self, batch):
        """Returns the objective of a batch."""
        token_ids = batch["token_ids"]
        mask = token_ids != PADDING_ID
        x = functional.embedding(token_ids, self.vectors)
        x = spatial_dropout(x, self.settings.embedding_dropout, self.training)
        x = self.lstm(x, mask.sum(1))
        x = functional.dropout(x, self.settings.dropout, self.training)
        x = x.masked_fill(~mask[..., None], MASKED).amax(1)
        return functional.cross_entropy(self.logits(x), batch["labels"])
