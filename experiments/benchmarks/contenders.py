"""Functions that the benchmark times: our layer, Keras's and PyTorch's."""

import importlib
from dataclasses import asdict, dataclass
from functools import partial
from unittest.mock import patch

import numpy as np

CAROUSEL, KERAS, TORCH, XLA = "lstm_layer", "keras", "torch", " + XLA"
MATMUL_SIZE = 2048


@dataclass(frozen=True)
class Shape:
    """The size of one layer and of its input."""

    batch: int
    timesteps: int
    features: int
    units: int

    def __str__(self):
        """Returns the four numbers in the form that `parse` reads."""
        return f"{self.batch}x{self.timesteps}x{self.features}x{self.units}"

    @classmethod
    def parse(cls, text):
        """Parses BATCHxTIMESTEPSxFEATURESxUNITS.

        Raises:
            ValueError: If the text is not four positive integers.
        """
        parts = text.split("x")
        if len(parts) != 4 or not all(p.isdecimal() and int(p) > 0 for p in parts):
            raise ValueError(
                "--shapes: expected BATCHxTIMESTEPSxFEATURESxUNITS, such as "
                f"32x200x128x128. Received: {text}."
            )
        return cls(*map(int, parts))

    @property
    def flops(self):
        """Returns the floating-point operations of the products of a forward pass."""
        steps = self.batch * self.timesteps
        return 2 * steps * (self.features + self.units) * 4 * self.units


def matmul():
    """Returns a function that multiplies two 2048 x 2048 matrices."""
    import tensorflow as tf

    a = tf.random.normal((MATMUL_SIZE, MATMUL_SIZE))
    return lambda: tf.matmul(a, a).numpy()


def layer_contenders(shape, names=None):
    """Returns the functions to time on one shape: forward, and forward and backward.

    Each takes no argument and waits for its result. The gradients are those of the
    input, the two kernels and the bias.

    Args:
        shape: A `Shape`.
        names: Contenders to build; by default all of them.

    Returns:
        Two dictionaries `{contender: function}`: forward, and forward and backward.
    """
    import keras

    from lstm_layer import LSTM

    rng = np.random.default_rng(0)
    x, dy = (
        rng.normal(size=(shape.batch, shape.timesteps, size)).astype("float32")
        for size in (shape.features, shape.units)
    )
    forward, both = {}, {}
    for name, make, jit_compile in (
        (CAROUSEL, LSTM, False),
        (CAROUSEL + XLA, partial(LSTM, jit_compile=True), False),
        (KERAS, keras.layers.LSTM, False),
        (KERAS + XLA, keras.layers.LSTM, True),
    ):
        if names is None or name in names:
            layer = make(shape.units, return_sequences=True)
            layer.build(x.shape)
            functions = _tensorflow_functions(layer, x, dy, jit_compile)
            forward[name], both[name] = functions
    both.pop(CAROUSEL + XLA, None)  # in training our layer asks for XLA by itself
    if names is None or TORCH in names:
        forward[TORCH], both[TORCH] = _torch_functions(shape, x, dy)
    return forward, both


def _tensorflow_functions(layer, x, dy, jit_compile):
    import tensorflow as tf

    x, dy = tf.constant(x), tf.constant(dy)

    @tf.function(jit_compile=jit_compile)
    def forward(x):
        return layer(x, training=False)

    @tf.function(jit_compile=jit_compile)
    def both(x, dy):
        weights = [weight.value for weight in layer.trainable_weights]
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        return tape.gradient(y, [x, *weights], output_gradients=dy)

    return (
        lambda: forward(x).numpy(),
        lambda: [gradient.numpy() for gradient in both(x, dy)],
    )


def _torch_functions(shape, x, dy):
    import torch

    layer = torch.nn.LSTM(shape.features, shape.units, batch_first=True)
    x, dy = torch.tensor(x, requires_grad=True), torch.tensor(dy)
    inputs = [x, *layer.parameters()]

    def forward():
        with torch.inference_mode():
            return layer(x)[0]

    return forward, lambda: torch.autograd.grad(layer(x)[0], inputs, dy)


def fit_contenders(task):
    """Returns training steps of an app's model, with our layer and with Keras's.

    Args:
        task: A key of `FIT`, whose first word is the name of the app.

    Returns:
        `{contender: function}`; each function is one step of training.
    """
    import keras

    app = importlib.import_module(f"apps.{task.split()[0]}.model")
    ours = app.LSTM
    contenders = {}
    for name, layer_class, jit_compile in (
        (CAROUSEL, ours, False),
        (KERAS, keras.layers.LSTM, False),
        (KERAS + XLA, keras.layers.LSTM, True),  # Keras's default
    ):
        with patch.object(app, "LSTM", _as_keras(layer_class)):
            contenders[name] = FIT[task](jit_compile)
    return contenders


def _as_keras(layer_class):
    """Returns a function that makes a layer; it drops arguments that Keras lacks."""

    def make(*arguments, weight_drop=0.0, **options):
        del weight_drop  # zero in the default configurations
        return layer_class(*arguments, **options)

    return make


def _step(trainer, batch, jit_compile):
    """Returns a function that trains on a batch, by `fit`'s step or compiled by XLA."""
    import tensorflow as tf

    batch = tf.nest.map_structure(tf.constant, batch)
    if not jit_compile:
        batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
        trainer.make_train_function()
        return lambda: trainer.train_function(batches)["loss"].numpy()
    carried = [tensor.values for tensor in trainer.state["train"]]
    weights = trainer.model.trainable_weights

    @tf.function(jit_compile=True)
    def step():
        with tf.GradientTape() as tape:
            objective, *_ = trainer.loss_fn(batch, True, *carried)
        gradients = tape.gradient(objective, weights)
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        trainer.optimizer.apply(gradients, weights)
        return objective

    return lambda: step().numpy()


def _default_strategy():
    import tensorflow as tf

    return tf.distribute.get_strategy()


def _sentiment_step(jit_compile):
    """A step of the default model on texts of 17 to 32 tokens."""
    from apps.common.training.optimizer import optimizer
    from apps.sentiment.config import Config
    from apps.sentiment.model import build_model
    from apps.sentiment.train import trainer_of

    config, size, timesteps = Config(), 10000, 32
    batch_size = config.train.batch_size
    rng = np.random.default_rng(0)
    token_ids = rng.integers(2, size, (batch_size, timesteps)).astype("int32")
    lengths = rng.integers(17, timesteps + 1, (len(token_ids), 1))
    token_ids[np.arange(timesteps) >= lengths] = 0
    labels = rng.integers(0, 2, len(token_ids)).astype("int32")
    settings = asdict(config.model)
    del settings["pretrained"]
    model = build_model(size, 2, size, **settings)
    adamw = optimizer(config.train, 1000)
    trainer = trainer_of(_default_strategy(), model, adamw, batch_size)
    return _step(trainer, {"token_ids": token_ids, "labels": labels}, jit_compile)


def _language_modeling_step(jit_compile, size=10000):
    """A step of the default model on windows of mean length.

    A softmax that XLA compiles is faster in float32.
    """
    from apps.common.choices import AUTO
    from apps.common.training.optimizer import clipped_optimizer
    from apps.language_modeling.config import Config, ModelConfig
    from apps.language_modeling.model import build_model
    from apps.language_modeling.train import choose_softmax_dtype, trainer_of

    config = Config(model=ModelConfig(softmax_dtype="float32" if jit_compile else AUTO))
    config = choose_softmax_dtype(config)
    batch_size, window = config.train.batch_size, config.train.window
    ids = np.random.default_rng(0).integers(2, size, (batch_size, window + 1))
    ids = ids.astype("int32")
    model = build_model(size, **asdict(config.model))
    adamw = clipped_optimizer(config.train, 1000)
    streams = {"train": batch_size, "test": batch_size}
    trainer = trainer_of(_default_strategy(), model, adamw, streams, window)
    batch = ({"token_ids": ids[:, :-1], "first": False}, ids[:, 1:])
    return _step(trainer, batch, jit_compile)


def _speech_commands_step(jit_compile):
    """A step of the default model on clips of a second."""
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
    trainer = trainer_of(
        *(_default_strategy(), model, optimizer(config.train, 1000)),
        *(batch_size, config.model.pooling, None),
    )
    return _step(trainer, (features, labels), jit_compile)


FIT = {
    "language_modeling": _language_modeling_step,
    "language_modeling of 50,000 words": partial(_language_modeling_step, size=50000),
    "sentiment": _sentiment_step,
    "speech_commands": _speech_commands_step,
}
