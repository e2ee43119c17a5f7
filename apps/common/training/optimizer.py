"""AdamW with weight averaging, learning rate warm-up and cosine decay to zero."""

import keras


def optimizer(settings, steps_per_epoch):
    """Returns the optimizer of classifiers; the warm-up takes half an epoch.

    Args:
        settings: A `TrainConfig`.
        steps_per_epoch: Batches per epoch.
    """
    return _adamw(settings, steps_per_epoch, max(1, steps_per_epoch // 2))


def clipped_optimizer(settings, steps_per_epoch):
    """Returns an optimizer with gradient clipping, for models that generate or search.

    The warm-up takes half an epoch, at most 200 steps.

    Args:
        settings: A `TrainConfig` with `clip_norm`, the maximum global norm.
        steps_per_epoch: Batches per epoch.
    """
    warmup = max(1, min(steps_per_epoch // 2, 200))
    return _adamw(settings, steps_per_epoch, warmup, settings.clip_norm)


def _adamw(settings, steps_per_epoch, warmup, clip_norm=None):
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=settings.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, settings.epochs * steps_per_epoch - warmup),
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=settings.weight_decay,
        global_clipnorm=clip_norm,
        use_ema=settings.average_momentum > 0,
        ema_momentum=settings.average_momentum,
    )
