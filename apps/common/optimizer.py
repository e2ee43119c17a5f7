"""AdamW with an average of the weights; its learning rate rises, then falls to zero."""

from functools import partial

import keras
from keras import ops


class PacedAdamW(keras.optimizers.AdamW):
    """AdamW for which each weight has a learning rate and a beginning of its own.

    Discriminative fine-tuning and gradual unfreezing (Howard and Ruder 2018).

    Args:
        paces: For each trainable weight, in the model's order: what its learning rate
            is multiplied by, and the steps before it begins to learn.
    """

    def __init__(self, *args, paces, **kwargs):
        super().__init__(*args, **kwargs)
        self.paces = paces

    def update_step(self, gradient, variable, learning_rate):
        """Takes a step with the learning rate of the weight."""
        factor, start = self.paces[self._get_variable_index(variable)]
        begun = ops.cast(self.iterations >= start, learning_rate.dtype)
        super().update_step(gradient, variable, learning_rate * factor * begun)


def optimizer(settings, steps_per_epoch, paces=None):
    """Returns the optimizer of classifiers; the rate rises for half an epoch.

    Args:
        settings: A `TrainConfig`.
        steps_per_epoch: Batches of an epoch.
        paces: As `PacedAdamW` takes them; by default all weights learn alike.
    """
    return _adamw(settings, steps_per_epoch, max(1, steps_per_epoch // 2), paces=paces)


def clipped_optimizer(settings, steps_per_epoch):
    """Returns the optimizer of models that write or search: gradients are clipped.

    The rate rises for half an epoch, at most 200 steps.

    Args:
        settings: A `TrainConfig` with `clip_norm`.
        steps_per_epoch: Batches of an epoch.
    """
    warmup = max(1, min(steps_per_epoch // 2, 200))
    return _adamw(settings, steps_per_epoch, warmup, settings.clip_norm)


def _adamw(settings, steps_per_epoch, warmup, clip_norm=None, paces=None):
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=settings.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, settings.epochs * steps_per_epoch - warmup),
    )
    kind = partial(PacedAdamW, paces=paces) if paces else keras.optimizers.AdamW
    return kind(
        schedule,
        weight_decay=settings.weight_decay,
        global_clipnorm=clip_norm,
        use_ema=settings.average_momentum > 0,
        ema_momentum=settings.average_momentum,
    )
