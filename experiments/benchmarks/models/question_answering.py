"""The reader of stories in PyTorch."""

import torch
from torch import nn
from torch.nn import functional

from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import PADDING_ID, UNKNOWN_ID
from experiments.benchmarks.models.torch_layers import (
    MaskedLSTM,
    bidirectional_of,
    linear,
    lstm_cell,
    parameter,
    spatial_dropout,
)


class Model(nn.Module):
    """PyTorch's twin of `apps.question_answering.model` for stories, with one layer.

    Args:
        model: The Keras model whose weights are copied.
        config: A `Config` of the app.
    """

    def __init__(self, model, config):
        super().__init__()
        self.settings = config.model
        self.vectors = parameter(model.get_layer("embedding").trained_vectors)
        self.sentences = MaskedLSTM(model.get_layer("sentences").lstm)
        self.question_reader = MaskedLSTM(model.get_layer("question_reader"))
        links = (model.get_layer(name) for name in ("links_before", "links_last"))
        self.links = nn.ModuleList(map(_Links, links))
        self.mixed = linear(model.get_layer("mixed_1"))
        self.story = MaskedLSTM(bidirectional_of(model))
        self.facts = _FactFinder(model.get_layer("facts"))
        self.logits = linear(model.get_layer("logits"))

    def loss(self, batch):
        """Returns the objective of a batch."""
        logits = self(batch["context"], batch["question"])
        return functional.cross_entropy(logits, batch["targets"])

    def forward(self, context, question):
        """Returns the logits of the answers."""
        dropout = self.settings.dropout
        mask = (context != PADDING_ID).any(-1)
        words = functional.embedding(context, self.vectors)
        same = (context[..., None] == question[:, None, None]).any(-1)
        same &= context > UNKNOWN_ID
        x = torch.cat([words, same[..., None].to(words.dtype)], dim=-1)
        x = self._last(self.sentences, x.flatten(0, 1), context.flatten(0, 1))
        x = x.unflatten(0, mask.shape)
        x = torch.cat([x, *(links(x, words, context) for links in self.links)], dim=-1)
        q = functional.embedding(question, self.vectors)
        q = self._last(self.question_reader, q, question)
        x = self.mixed(x)
        repeated_q = q[:, None].expand_as(x)
        x = torch.cat([x, x * repeated_q, repeated_q], dim=-1)
        x = functional.dropout(x, dropout, self.training)
        x = self.story(x, mask.sum(1))
        x = functional.dropout(x, dropout, self.training)
        q = self.facts(x, q, mask)
        maximum = x.masked_fill(~mask[..., None], MASKED).amax(1)
        x = torch.cat([q, maximum], dim=-1)
        return self.logits(functional.dropout(x, dropout, self.training))

    def _last(self, module, x, token_ids):
        """Returns the last output of each row; 0 for a row of padding."""
        x = spatial_dropout(x, self.settings.embedding_dropout, self.training)
        lengths = (token_ids != PADDING_ID).sum(1)
        last = torch.arange(len(x)), lengths.clamp(min=1) - 1
        return module(x, lengths)[last] * (lengths > 0)[:, None]


class _Links(nn.Module):
    """PyTorch's twin of `Links`."""

    def __init__(self, layer):
        super().__init__()
        self.earlier = layer.earlier
        self.salience, self.worth = linear(layer.salience), linear(layer.worth)
        self.sharpness, self.decay = parameter(layer.sharpness), parameter(layer.decay)

    def forward(self, x, embedded, token_ids):
        mask = token_ids != PADDING_ID
        salience = torch.sigmoid(self.salience(embedded)) * mask[..., None]
        keys = (salience * functional.normalize(embedded, dim=-1, eps=1e-7)).sum(2)
        position = torch.arange(x.shape[1])
        distance = position[:, None] - position
        allowed, nearness = mask.any(-1)[:, None, :], position[None]
        if self.earlier:
            allowed, nearness = allowed & (distance > 0), -distance
        else:
            allowed = allowed & (distance != 0)
        scores = self.sharpness * (keys @ keys.transpose(1, 2))
        scores = scores + self.worth(x)[:, None, :, 0] + self.decay * nearness
        scores = functional.pad(scores.masked_fill(~allowed, MASKED), (1, 0))
        return scores.softmax(-1)[..., 1:] @ x


class _FactFinder(nn.Module):
    """PyTorch's twin of `FactFinder`."""

    def __init__(self, layer):
        super().__init__()
        self.hops = layer.hops
        self.keys, self.query = linear(layer.keys), linear(layer.query)
        self.score, self.cell = linear(layer.score), lstm_cell(layer.cell)

    def forward(self, m, q, mask):
        keys, c = self.keys(m), torch.zeros_like(q)
        for _ in range(self.hops):
            scores = self.score(torch.tanh(keys + self.query(q)[:, None]))[..., 0]
            attention = scores.masked_fill(~mask, MASKED).softmax(-1)
            q, c = self.cell((attention[:, None] @ m)[:, 0], (q, c))
        return q
