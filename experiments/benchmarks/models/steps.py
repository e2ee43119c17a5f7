"""Functions that the benchmark times: training steps of an app's default model."""

import importlib.util
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from experiments.benchmarks.contenders import CAROUSEL, KERAS, TORCH, XLA
from experiments.benchmarks.models.default_steps import app_of, default_step


def fit_contenders(task):
    """Returns training steps of an app's default model with each library's LSTM.

    Each starts from random weights, trains on one batch again and again, and returns
    the loss. PyTorch's model has the weights of ours; it is left out if PyTorch is not
    installed.

    Args:
        task: A key of `DEFAULT_STEPS`.

    Returns:
        `{contender: function}`; each function is one step of training.
    """
    contenders = {}
    for name, library, jit_compile in (
        (CAROUSEL, CAROUSEL, False),
        (KERAS, KERAS, False),
        (KERAS + XLA, KERAS, True),  # Keras's default
    ):
        # A softmax that XLA compiles is faster in float32.
        is_float = jit_compile and app_of(task) == "language_modeling"
        settings = {"softmax_dtype": "float32"} if is_float else {}
        with layers_of(app_of(task), library):
            config, trainer, batch = default_step(task, **settings)
        contenders[name] = _step(trainer, batch, jit_compile)
        if library == CAROUSEL and importlib.util.find_spec(TORCH):
            # Only a machine with `requirements-benchmark.txt` can import this module.
            from experiments.benchmarks.models.torch_step import torch_step

            contenders[TORCH] = torch_step(app_of(task), config, trainer, batch)
    return contenders


@contextmanager
def layers_of(task, library):
    """Builds an app's models with a library's LSTM while the block runs.

    Args:
        task: Name of the app.
        library: `CAROUSEL`, or `KERAS` for `keras.layers.LSTM` and its cell.
    """
    if library == CAROUSEL:
        yield
        return
    import keras

    names = ("LSTM", "LSTMCell")
    with ExitStack() as stack:
        for module in _modules(task):
            for name in names:
                if hasattr(module, name):
                    layer = _as_ours(getattr(keras.layers, name))
                    stack.enter_context(patch.object(module, name, layer))
        yield


def _modules(task):
    """Returns the modules of an app that build its model."""
    modules = [f"apps.{task}.model", f"apps.{task}.layers"]
    return [importlib.import_module(n) for n in modules if importlib.util.find_spec(n)]


def _as_ours(layer_class):
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

    @tf.function(autograph=False, jit_compile=True)
    def step():
        with tf.GradientTape() as tape:
            objective, *_ = trainer.loss_fn(batch, True, *carried)
        gradients = tape.gradient(objective, weights)
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        trainer.optimizer.apply(gradients, weights)
        return objective

    return lambda: step().numpy()
