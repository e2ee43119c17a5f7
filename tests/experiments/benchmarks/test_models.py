"""The training steps that the benchmark compares do the same work."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiments.benchmarks.contenders import CAROUSEL, KERAS, TORCH, XLA
from experiments.benchmarks.models.default_steps import DEFAULT_STEPS, default_step
from experiments.benchmarks.models.steps import fit_contenders, layers_of
from lstm_layer import LSTM, LSTMCell

MODULES = {
    "language_modeling": ["model"],
    "sentiment": ["model"],
    "speech_commands": ["model"],
    "summarization": ["model"],
    "question_answering": ["model", "layers"],
}


@pytest.mark.parametrize("task", MODULES)
def test_each_module_that_has_our_layer_gets_keras_layers_and_then_ours_again(task):
    modules = [importlib.import_module(f"apps.{task}.{n}") for n in MODULES[task]]
    ours, theirs = (LSTM, LSTMCell), (keras.layers.LSTM, keras.layers.LSTMCell)
    for library, classes in ((KERAS, theirs), (CAROUSEL, ours)):
        with layers_of(task, library):
            made = [
                type(getattr(module, name)(3))
                for module in modules
                for name in ("LSTM", "LSTMCell")
                if hasattr(module, name)
            ]
        assert made
        assert set(made) <= set(classes)
    assert all(module.LSTM is LSTM for module in modules)


@pytest.mark.slow
@pytest.mark.parametrize("task", DEFAULT_STEPS)
# Earlier tests enable determinism, with which Keras does not use XLA.
@pytest.mark.filterwarnings("ignore:Model doesn't support `jit_compile=True`")
def test_a_step_of_each_app_trains_with_each_library(task):
    contenders = fit_contenders(task)
    assert list(contenders)[:1] == [CAROUSEL]
    assert set(contenders) - {TORCH} == {CAROUSEL, KERAS, KERAS + XLA}
    for step in contenders.values():
        assert np.isfinite([step(), step()]).all()


@pytest.mark.slow
@pytest.mark.parametrize("task", MODULES)
def test_pytorchs_model_has_the_loss_and_the_gradient_of_ours(task):
    torch = pytest.importorskip("torch", reason="requirements-benchmark.txt has it")
    from experiments.benchmarks.models.torch_step import torch_batch, torch_model

    in_float = {"softmax_dtype": "float32"} if task == "language_modeling" else {}
    config, trainer, batch = default_step(task, **in_float)
    weights = trainer.model.trainable_weights
    state = [tensor.values for tensor in trainer.state["train"]]
    tensors = tf.nest.map_structure(tf.constant, batch)

    @tf.function(autograph=False)
    def loss_and_norm():
        with tf.GradientTape() as tape:
            loss, *_ = trainer.loss_fn(tensors, False, *state)
        gradients = map(tf.convert_to_tensor, tape.gradient(loss, weights))
        return loss, tf.linalg.global_norm(list(gradients))

    ours = [value.numpy() for value in loss_and_norm()]
    model = torch_model(task, config, trainer).eval()
    loss = model.loss(torch_batch(batch))
    loss.backward()
    trained = [p for p in model.parameters() if p.requires_grad]
    norm = torch.nn.utils.clip_grad_norm_(trained, 1.0)
    np.testing.assert_allclose([loss.item(), norm.item()], ours, rtol=1e-5)
    assert sum(p.numel() for p in trained) == sum(np.size(w) for w in weights)
