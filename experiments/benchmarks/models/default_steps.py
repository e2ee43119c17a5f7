"""The default model of each app with a batch of a typical shape."""

from dataclasses import asdict
from functools import partial

import numpy as np

from apps.common.choices import AUTO

STEPS_PER_EPOCH = 1000  # of the learning rate's schedule


def default_step(task, **settings):
    """Returns what a training step of an app's default recipe consists of.

    Args:
        task: A key of `DEFAULT_STEPS`.
        settings: `softmax_dtype` of the language model; no other model has any.

    Returns:
        The `Config`; a `Trainer` of a new model; and a batch, nested arrays of random
        values.
    """
    import tensorflow as tf

    return DEFAULT_STEPS[task](tf.distribute.get_strategy(), **settings)


def app_of(task):
    """Returns the name of the app of a key of `DEFAULT_STEPS`."""
    return task.split()[0]


def _language_modeling(strategy, softmax_dtype=AUTO, size=10000):
    """Windows of mean length."""
    from apps.common.training.optimizer import clipped_optimizer
    from apps.language_modeling.config import Config, ModelConfig
    from apps.language_modeling.model import build_model
    from apps.language_modeling.train import choose_softmax_dtype, trainer_of

    config = Config(model=ModelConfig(softmax_dtype=softmax_dtype))
    config = choose_softmax_dtype(config)
    batch_size, window = config.train.batch_size, config.train.window
    ids = np.random.default_rng(0).integers(2, size, (batch_size, window + 1))
    ids = ids.astype("int32")
    model = build_model(size, **asdict(config.model))
    adamw = clipped_optimizer(config.train, STEPS_PER_EPOCH)
    streams = {"train": batch_size, "test": batch_size}
    trainer = trainer_of(strategy, model, adamw, streams, window)
    return config, trainer, ({"token_ids": ids[:, :-1], "first": False}, ids[:, 1:])


def _sentiment(strategy):
    """Texts of 17 to 32 tokens."""
    from apps.common.training.optimizer import optimizer
    from apps.sentiment.config import Config
    from apps.sentiment.model import build_model
    from apps.sentiment.train import trainer_of

    config, size, timesteps = Config(), 10000, 32
    batch_size = config.train.batch_size
    rng = np.random.default_rng(0)
    token_ids = _padded_ids(rng, (batch_size, timesteps), 17, size)
    labels = rng.integers(0, 2, batch_size).astype("int32")
    settings = asdict(config.model)
    del settings["pretrained"]
    model = build_model(size, 2, size, **settings)
    adamw = optimizer(config.train, STEPS_PER_EPOCH)
    trainer = trainer_of(strategy, model, adamw, batch_size)
    return config, trainer, {"token_ids": token_ids, "labels": labels}


def _speech_commands(strategy):
    """Log-mel frames of clips of a second."""
    from apps.common.training.optimizer import optimizer
    from apps.speech_commands.config import Config
    from apps.speech_commands.model import build_model
    from apps.speech_commands.train import trainer_of

    config, classes = Config(), 12
    batch_size, bands = config.train.batch_size, config.features.mel_bands
    frames = round(config.data.clip_ms / config.features.hop_ms)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(batch_size, frames, bands)).astype("float32")
    labels = np.eye(classes, dtype="float32")[rng.integers(0, classes, batch_size)]
    model = build_model(classes, bands, **asdict(config.model))
    adamw = optimizer(config.train, STEPS_PER_EPOCH)
    trainer = trainer_of(
        *(strategy, model, adamw, batch_size, config.model.pooling, None)
    )
    return config, trainer, (features, labels)


def _summarization(strategy):
    """Documents of 49 to 64 tokens with summaries of 5 to 8; some tokens are copied."""
    from apps.common.training.optimizer import clipped_optimizer
    from apps.summarization.config import Config
    from apps.summarization.model import build_model
    from apps.summarization.train import trainer_of

    config, size = Config(), Config().data.vocabulary_size
    batch_size = config.train.batch_size
    rng = np.random.default_rng(0)
    token_ids = _padded_ids(rng, (batch_size, 64), 49, size)
    # Every twentieth token is unknown; its id in the extended vocabulary is its place.
    unknown = (rng.random(token_ids.shape) < 0.05) & (token_ids > 0)
    places = size + np.arange(64, dtype="int32")
    copy_ids = np.where(unknown, places, token_ids)
    token_ids[unknown] = 1
    targets = _padded_ids(rng, (batch_size, 8), 5, size)
    copied = (rng.random(targets.shape) < 0.3) & (targets > 0)
    targets = np.where(copied, copy_ids[:, :8], targets)
    model = build_model(size, **asdict(config.model))
    adamw = clipped_optimizer(config.train, STEPS_PER_EPOCH)
    loss_divisor = np.count_nonzero(targets)
    trainer = trainer_of(
        *(strategy, model, adamw, START, loss_divisor, config.train.coverage_weight)
    )
    batch = {"token_ids": token_ids, "copy_ids": copy_ids, "targets": targets}
    return config, trainer, batch


def _question_answering(strategy):
    """Stories of 10 to 16 sentences of 4 to 8 words, as most generated ones are."""
    from apps.common.training.optimizer import clipped_optimizer
    from apps.question_answering.config import Config
    from apps.question_answering.model import build_model
    from apps.question_answering.train import trainer_of

    config, size, classes = Config(), 61, 27
    batch_size = config.train.batch_size
    rng = np.random.default_rng(0)
    context = _padded_ids(rng, (batch_size, 16, 8), 4, size)
    context[np.arange(16) >= rng.integers(10, 17, (batch_size, 1))] = 0
    batch = {
        "context": context,
        "question": _padded_ids(rng, (batch_size, 8), 4, size),
        "targets": rng.integers(0, classes, batch_size).astype("int32"),
        "weights": np.ones(batch_size, "float32"),
    }
    model = build_model(size, size, classes, **asdict(config.model))
    adamw = clipped_optimizer(config.train, STEPS_PER_EPOCH)
    return config, trainer_of(strategy, model, adamw, batch_size), batch


def _padded_ids(rng, shape, shortest, size):
    """Draws token ids of known tokens, padded with 0 at the end of the last axis.

    Args:
        rng: A NumPy random generator.
        shape: Shape of the ids; the last axis is that of the timesteps.
        shortest: Minimum number of tokens of a row.
        size: Size of the vocabulary.
    """
    *rows, timesteps = shape
    lengths = rng.integers(shortest, timesteps + 1, (*rows, 1))
    ids = rng.integers(2, size, shape).astype("int32")
    return np.where(np.arange(timesteps) < lengths, ids, 0).astype("int32")


START = 2  # token id before a summary; any one does for random text
DEFAULT_STEPS = {
    "language_modeling": _language_modeling,
    "language_modeling of 50,000 words": partial(_language_modeling, size=50000),
    "sentiment": _sentiment,
    "speech_commands": _speech_commands,
    "summarization": _summarization,
    "question_answering": _question_answering,
}
