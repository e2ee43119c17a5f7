"""Functions that the benchmark times: layers of ours, Keras's and PyTorch's."""

from dataclasses import dataclass
from functools import partial

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

    @tf.function(autograph=False, jit_compile=jit_compile)
    def forward(x):
        return layer(x, training=False)

    @tf.function(autograph=False, jit_compile=jit_compile)
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
