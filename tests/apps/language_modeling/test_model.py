"""The model: state in and out, tied weights, penalties, and what training drops."""

from dataclasses import asdict

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common.config import load_config
from apps.common.layers.state import zero_state
from apps.common.training.optimizer import clipped_optimizer
from apps.language_modeling.config import Config, ModelConfig
from apps.language_modeling.model import build_model
from apps.language_modeling.train import trainer_of

SIZE = 11


@pytest.fixture
def make():
    def build(**settings):
        config = ModelConfig(
            **{
                **{"embedding_dim": 4, "units": 6, "num_layers": 2},
                **{"softmax_dtype": "float32", **settings},
            }
        )
        return build_model(SIZE, **asdict(config))

    return build


CELLS = pytest.mark.parametrize("cell", ["lstm", "simple"])


@pytest.fixture
def token_ids():
    return tf.constant(np.random.default_rng(8).integers(2, SIZE, (3, 7)), "int32")


@CELLS
def test_two_windows_with_the_state_handed_on_are_one(make, token_ids, cell):
    model = make(cell=cell)
    whole, *last = model([token_ids, *zero_state(model, 3)])
    first, *state = model([token_ids[:, :4], *zero_state(model, 3)])
    second, *state = model([token_ids[:, 4:], *state])
    joined = np.concatenate([first, second], axis=1)
    np.testing.assert_allclose(joined, whole, atol=1e-5)
    for one, other in zip(state, last, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@CELLS
def test_a_logit_depends_on_no_later_token(make, token_ids, cell):
    model = make(cell=cell)
    changed = tf.concat([token_ids[:, :4], 0 * token_ids[:, 4:] + 2], axis=1)
    one, other = (
        model([ids, *zero_state(model, 3)])[0] for ids in (token_ids, changed)
    )
    np.testing.assert_allclose(one[:, :4], other[:, :4], atol=1e-6)
    assert np.abs(one[:, 4:] - other[:, 4:]).max() > 1e-4


def test_the_softmax_has_the_vectors_of_the_embedding(make):
    model = make()
    lstm = 4 * 6 * (4 + 6 + 1) + 4 * 4 * (6 + 4 + 1)
    assert model.count_params() == SIZE * 4 + SIZE + lstm
    assert [s.shape[1] for s in model.inputs[1:]] == [6, 6, 4, 4]


def test_a_simple_network_has_the_equation_of_the_docs_and_one_state_a_layer(
    make, token_ids
):
    model = make(cell="simple", num_layers=1)
    rng = np.random.default_rng(6)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    w, u, b = model.get_layer("simple_1").get_weights()
    x = np.array(model.get_layer("embedding")(token_ids))
    h = rng.normal(size=(3, 4)).astype("float32")
    logits, last = model([token_ids, tf.constant(h)])
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ w + h @ u + b)
    np.testing.assert_allclose(last, h, atol=1e-5)
    embedding = model.get_layer("embedding")
    expected = h @ np.array(embedding.vectors).T + np.array(embedding.bias)
    np.testing.assert_allclose(logits[:, -1], expected, atol=1e-4)


def test_a_simple_network_drops_no_recurrent_weights(tmp_path):
    path = tmp_path / "simple.yaml"
    path.write_text("model:\n  cell: simple\n  weight_drop: 0.2\n")
    with pytest.raises(
        ValueError, match=r"^model\.weight_drop: expected 0 .* Received: 0\.2\.$"
    ):
        load_config(Config, path)


def test_embedding_dropout_drops_a_token_wherever_it_stands(make):
    model = make(embedding_dropout=0.5)
    embedding = model.get_layer("embedding")
    ids = np.tile(np.arange(2, SIZE), (2, 2))
    x = np.array(embedding(ids, training=True))
    dropped = ~x.any(axis=-1)
    assert 0 < dropped.mean() < 1
    np.testing.assert_array_equal(dropped[0], dropped[1])
    np.testing.assert_array_equal(dropped[:, : SIZE - 2], dropped[:, SIZE - 2 :])
    vectors = np.array(embedding.vectors)[ids]
    np.testing.assert_allclose(x[~dropped], 2 * vectors[~dropped], rtol=1e-6)
    np.testing.assert_allclose(embedding(ids), vectors)


@pytest.mark.parametrize(
    "name", ["input_dropout", "hidden_dropout", "output_dropout", "weight_drop"]
)
def test_what_is_dropped_is_dropped_in_training_only(make, token_ids, name):
    model = make(**{name: 0.5})
    inputs = [token_ids, *zero_state(model, 3)]
    first, again = (np.array(model(inputs)[0]) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(np.array(model(inputs, training=True)[0]) - first).max() > 1e-5


def test_the_penalties_are_those_of_the_paper(make, token_ids):
    model = make(activation_penalty=2.0, change_penalty=3.0, output_dropout=0.5)
    layer = model.get_layer("states")
    outputs, dropped = np.random.default_rng(9).normal(size=(2, 3, 5, 4))
    layer([tf.constant(outputs), tf.constant(dropped)], training=True)
    expected = [2 * np.mean(dropped**2), 3 * np.mean(np.diff(outputs, axis=1) ** 2)]
    np.testing.assert_allclose(layer.losses, expected, rtol=1e-5)
    model([token_ids, *zero_state(model, 3)], training=False)
    assert not model.losses


def test_bfloat16_rounds_the_loss_in_training_only(make, token_ids):
    exact, rounded = make(), make(softmax_dtype="bfloat16")
    rounded.set_weights(exact.get_weights())
    rows = tf.random.stateless_normal((21, 4), [1, 2])
    targets = tf.reshape(token_ids, [-1])
    for training in (False, True):
        one, other = (
            m.get_layer("embedding").losses(rows, targets, training)
            for m in (exact, rounded)
        )
        assert other.dtype == "float32"
        error = float(np.abs(one - other).max())
        assert 1e-5 < error < 0.02 if training else error == 0
    inputs = [token_ids, *zero_state(exact, 3)]
    one, other = (m(inputs, training=True)[0] for m in (exact, rounded))
    np.testing.assert_array_equal(one, other)


def test_training_carries_the_state_and_forgets_it_at_the_beginning(make, token_ids):
    model = make()
    strategy, streams = tf.distribute.get_strategy(), {"train": 3, "test": 3}
    trainer = trainer_of(strategy, model, keras.optimizers.SGD(), streams, window=6)
    targets = tf.roll(token_ids, -1, axis=1)
    trainer.make_test_function()

    def loss(first):
        inputs = {"token_ids": token_ids, "first": tf.constant(first)}
        trainer.reset_metrics()
        batch = tf.data.Dataset.from_tensors((inputs, targets))
        return float(trainer.test_function(iter(batch))["loss"])

    begun, carried, again = loss(True), loss(False), loss(True)
    assert begun == pytest.approx(again, abs=1e-6)
    assert begun != pytest.approx(carried, abs=1e-6)


def by_hand(model, token_ids, targets):
    """Returns the losses of windows without dropout, `(batch, timesteps)`, by NumPy."""
    logits = np.array(model([token_ids, *zero_state(model, len(token_ids))])[0])
    logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(logits, targets[..., np.newaxis], axis=-1)[..., 0]


def test_the_objective_is_the_loss_and_the_penalties(make, token_ids):
    model = make(activation_penalty=2.0, change_penalty=3.0)
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    strategy, streams = tf.distribute.get_strategy(), {"train": 4, "test": 3}
    trainer = trainer_of(strategy, model, keras.optimizers.SGD(), streams, window=6)
    targets = np.roll(token_ids, -1, axis=1)
    batch = ({"token_ids": token_ids, "first": tf.constant(True)}, targets)
    objective, reported, *_ = trainer.loss_fn(batch, True, *zero_state(model, 3))
    loss = by_hand(model, token_ids, targets).sum()
    assert float(reported["loss"][0]) == pytest.approx(loss, rel=1e-5)
    outputs = keras.Model(model.inputs, model.get_layer("states").output)
    outputs = np.array(outputs([token_ids, *zero_state(model, 3)]))
    penalties = 2 * np.mean(outputs**2) + 3 * np.mean(np.diff(outputs, axis=1) ** 2)
    assert penalties > 0.1
    expected = loss / (4 * 6) + 7 / 6 * penalties
    assert float(objective) == pytest.approx(expected, rel=1e-5)


def test_a_validation_loss_is_of_the_whole_vocabulary(make, token_ids):
    model = make()
    trainer = trainer_of(
        *(tf.distribute.get_strategy(), model, keras.optimizers.SGD()),
        *({"train": 3, "test": 3}, 6),
        sampled_tokens=2,
    )
    targets = np.roll(token_ids, -1, axis=1)
    batch = ({"token_ids": token_ids, "first": tf.constant(True)}, targets)
    expected = by_hand(model, token_ids, targets).sum()
    for training in (False, True):
        _, reported, *_ = trainer.loss_fn(batch, training, *zero_state(model, 3))
        is_exact = float(reported["loss"][0]) == pytest.approx(expected, rel=1e-5)
        assert is_exact != training


def test_the_model_learns_a_text_by_heart(make):
    keras.utils.set_random_seed(1)
    model = make(embedding_dim=16, units=16)

    class Settings:
        epochs, learning_rate, weight_decay = 200, 0.02, 0.0
        clip_norm, average_momentum = 1.0, 0.0

    strategy, streams = tf.distribute.get_strategy(), {"train": 1, "test": 1}
    optimizer = clipped_optimizer(Settings, 1)
    trainer = trainer_of(strategy, model, optimizer, streams, window=9)
    ids = tf.constant([[2, 5, 3, 9, 4, 4, 7, 8, 10, 6]], "int32")
    data = ({"token_ids": ids[:, :-1], "first": tf.constant(True)}, ids[:, 1:])
    batches = iter(tf.data.Dataset.from_tensors(data).repeat())
    trainer.make_train_function()
    losses = []
    for _ in range(200):
        trainer.reset_metrics()
        losses.append(float(trainer.train_function(batches)["loss"]))
    assert losses[-1] < 0.1 * losses[0]
