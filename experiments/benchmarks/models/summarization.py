"""The pointer-generator network in PyTorch."""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import PADDING_ID, UNKNOWN_ID
from apps.summarization.model import SMALLEST
from experiments.benchmarks.models.default_steps import START
from experiments.benchmarks.models.torch_layers import (
    linear,
    lstm,
    lstm_cell,
    parameter,
    spatial_dropout,
)


class Model(nn.Module):
    """PyTorch's twin of `apps.summarization.model` without coverage.

    The names are those of `AttentionDecoder`, whose docstring has the equations.

    Args:
        model: The Keras model whose weights are copied.
        config: A `Config` of the app.
    """

    def __init__(self, model, config):
        super().__init__()
        self.settings = config.model
        embedding, decoder = model.get_layer("embedding"), model.get_layer("decoder")
        self.vectors, self.bias = map(parameter, (embedding.vectors, embedding.bias))
        self.encoder = lstm(model.get_layer("encoder"))
        self.cell = lstm_cell(decoder.cell)
        for name in ("initial_h", "initial_c", "keys", "query", "features", "writes"):
            setattr(self, name, linear(getattr(decoder, name)))
        self.v = parameter(decoder.v)

    def loss(self, batch):
        """Returns the objective of a batch: the mean over its target tokens."""
        targets = batch["targets"]
        before = functional.pad(targets[:, :-1], (1, 0), value=START)
        outputs = self(batch["token_ids"], self._known(before))
        log_p = self._log_probabilities(outputs, batch["copy_ids"], targets)
        counts = (targets != PADDING_ID) & (targets != UNKNOWN_ID)
        return -(log_p * counts).sum() / (targets != PADDING_ID).sum()

    def forward(self, token_ids, decoder_inputs):
        """Returns logits, `p_gen_logit` and attention of a summary's tokens."""
        dropout = self.settings.dropout
        mask = token_ids != PADDING_ID
        packed = pack_padded_sequence(  # `MaskedLSTM` returns no final states
            *(self._embedded(token_ids), mask.sum(1)),
            batch_first=True,
            enforce_sorted=False,
        )
        packed, (h, c) = self.encoder(packed)
        memory, _ = pad_packed_sequence(
            packed, batch_first=True, total_length=token_ids.shape[1]
        )
        memory = functional.dropout(memory, dropout, self.training)
        h = torch.tanh(self.initial_h(torch.cat([*h], dim=-1)))
        c = self.initial_c(torch.cat([*c], dim=-1))
        keys, context = self.keys(memory), torch.zeros_like(memory[:, 0])
        x, steps = self._embedded(decoder_inputs), []
        for x_t in x.unbind(1):
            h, c = self.cell(torch.cat([x_t, context], dim=-1), (h, c))
            scores = torch.tanh(keys + self.query(h)[:, None]) @ self.v
            attention = scores.masked_fill(~mask, MASKED).softmax(-1)
            context = (attention[:, None] @ memory)[:, 0]
            steps.append((attention, h, context))
        attention, h, context = (
            torch.stack(parts, dim=1) for parts in zip(*steps, strict=True)
        )
        both = torch.cat([h, context], dim=-1)
        features = torch.tanh(self.features(both))
        features = functional.dropout(features, dropout, self.training)
        logits = functional.linear(features, self.vectors, self.bias)
        return logits, self.writes(torch.cat([both, x], dim=-1))[..., 0], attention

    def _embedded(self, ids):
        x = functional.embedding(ids, self.vectors)
        return spatial_dropout(x, self.settings.embedding_dropout, self.training)

    def _known(self, ids):
        return torch.where(ids < len(self.vectors), ids, UNKNOWN_ID)

    def _log_probabilities(self, outputs, copy_ids, targets):
        """Returns the log-probability of each target, generated or copied."""
        logits, p_gen_logit, attention = outputs
        losses = functional.cross_entropy(
            logits.flatten(0, 1), self._known(targets).flatten(), reduction="none"
        )
        generated = -losses.unflatten(0, targets.shape)
        generated = generated.masked_fill(targets >= len(self.vectors), MASKED)
        same = targets[:, :, None] == copy_ids[:, None, :]
        copied = torch.where(same, attention, 0.0).sum(-1)
        generated = functional.logsigmoid(p_gen_logit) + generated
        copied = functional.logsigmoid(-p_gen_logit) + torch.log(copied + SMALLEST)
        return torch.logaddexp(generated, copied)
