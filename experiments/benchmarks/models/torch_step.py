"""A training step of an app's default model in PyTorch."""

import importlib
import math

import torch
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from experiments.benchmarks.models.default_steps import STEPS_PER_EPOCH


def torch_model(task, config, trainer):
    """Returns PyTorch's twin of a model: a module with the same weights.

    Its method `loss(batch)` returns the objective of the trainer's `loss_fn`.
    """
    module = importlib.import_module(f"experiments.benchmarks.models.{task}")
    return module.Model(trainer.model, config)


def torch_batch(batch):
    """Converts nested arrays to tensors; integers become int64, as PyTorch indexes."""
    if isinstance(batch, dict):
        return {name: torch_batch(part) for name, part in batch.items()}
    if isinstance(batch, tuple):
        return tuple(map(torch_batch, batch))
    tensor = torch.as_tensor(batch)
    return tensor.long() if tensor.dtype == torch.int32 else tensor


def torch_step(task, config, trainer, batch):
    """Returns a function that takes one training step and returns the loss.

    It is the step of `optimizer.py`: clipping by the global norm, AdamW with a warm-up,
    and a moving average of the weights. PyTorch compiles nothing.
    """
    settings = config.train
    model, batch = torch_model(task, config, trainer), torch_batch(batch)
    parameters = [p for p in model.parameters() if p.requires_grad]
    adamw = torch.optim.AdamW(
        parameters,
        lr=settings.learning_rate,
        eps=1e-7,  # Keras's
        weight_decay=settings.weight_decay,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        adamw, lambda step: _relative_rate(step, settings.epochs * STEPS_PER_EPOCH)
    )
    averaged = AveragedModel(
        model, multi_avg_fn=get_ema_multi_avg_fn(settings.average_momentum)
    )
    clip_norm = getattr(settings, "clip_norm", None)

    def step():
        adamw.zero_grad()
        loss = model.loss(batch)
        loss.backward()
        if clip_norm:
            clip_grad_norm_(parameters, clip_norm)
        adamw.step()
        schedule.step()
        averaged.update_parameters(model)
        return loss.item()

    return step


def _relative_rate(step, steps, warmup=200):
    """Returns the learning rate of a step, relative to the highest one."""
    if step < warmup:
        return step / warmup
    done = min(1, (step - warmup) / (steps - warmup))
    return (1 + math.cos(math.pi * done)) / 2
