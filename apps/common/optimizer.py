"""The optimizer of models that write: clipped gradients, an average of the weights."""

import keras


def clipped_optimizer(settings, steps_per_epoch):
    """Returns AdamW whose learning rate rises at first, then falls to zero."""
    steps = settings.epochs * steps_per_epoch
    warmup = max(1, min(steps_per_epoch // 2, 200))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=settings.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, steps - warmup),
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm,
        use_ema=settings.average_momentum > 0,
        ema_momentum=settings.average_momentum,
    )
