"""A killed and resumed training ends bit-equal; the averaged weights are kept.

The model has everything that a checkpoint must store: dropout of a layer and of the
cell, AdamW with a falling learning rate, and averaged weights.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common.finished import read_history
from apps.common.training.fit import averaged_weights, fit
from lstm_layer import LSTM
from tests.apps.common.training.jobs import job_of, run_in, settings_of

STEPS, EPOCHS, MOMENTUM = 4, 3, 0.8
generator = np.random.default_rng(1735)
INPUTS = generator.normal(size=(STEPS, 8, 3, 2)).astype("float32")
TARGETS = (INPUTS.sum(axis=(2, 3)) > 0).astype("int32")
SIGNATURE = (tf.TensorSpec((None, 3, 2)), tf.TensorSpec((None,), "int32"))


def make_model(use_ema=True):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((3, 2))
    x = keras.layers.Dropout(0.2)(inputs)
    x = LSTM(4, dropout=0.2, recurrent_dropout=0.2)(x)
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    schedule = keras.optimizers.schedules.CosineDecay(0.05, STEPS * EPOCHS)
    model.compile(
        keras.optimizers.AdamW(schedule, use_ema=use_ema, ema_momentum=MOMENTUM),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def order(epoch):
    return np.random.default_rng(epoch).permutation(STEPS)


def batches_until(end):
    """Makes `batches(epoch)` that raises an error at the batch with number `end`."""

    def batches(epoch):
        def generate():
            number = epoch
            while True:
                for place, n in enumerate(order(number)):
                    if number * STEPS + place == end:
                        raise RuntimeError("killed")
                    yield INPUTS[n], TARGETS[n]
                number += 1

        return tf.data.Dataset.from_generator(generate, output_signature=SIGNATURE)

    return batches


def train(directory, parts, until=None):
    model = make_model()
    validation = tf.data.Dataset.from_generator(  # of unknown length, like buckets
        lambda: zip(INPUTS[:3], TARGETS[:3], strict=True), output_signature=SIGNATURE
    )
    options = {"monitor": "val_loss", "mode": "min"}
    fit(
        run_in(directory),
        job_of(model, STEPS, batches_until(until), 3, lambda: validation, **options),
        settings_of(EPOCHS, parts),
    )
    return model


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Returns a function from `parts` to `(directory, weights)` of a whole training."""
    done = {}

    def of(parts):
        if parts not in done:
            directory = tmp_path_factory.mktemp("undisturbed")
            done[parts] = directory, train(directory, parts).get_weights()
        return done[parts]

    return of


def arrays(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files if name != "history"}


def assert_bit_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def without_seconds(directory):
    return [
        {key: value for key, value in row.items() if key != "seconds"}
        for row in read_history(directory)
    ]


def assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@pytest.mark.parametrize(
    ("parts", "until"), [(2, 7), pytest.param(1, 6, marks=pytest.mark.slow)]
)
def test_a_killed_and_resumed_run_ends_bit_equal_to_an_undisturbed_one(
    parts, until, undisturbed, tmp_path, capsys
):
    directory, weights = undisturbed(parts)
    with pytest.raises(tf.errors.OpError, match="killed"):
        train(tmp_path, parts, until)
    assert len(read_history(tmp_path)) == until * parts // STEPS
    model = train(tmp_path, parts)
    assert "Resuming" in capsys.readouterr().out
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for name in ("best.npz", "checkpoint.npz"):
        assert_bit_equal(arrays(tmp_path / name), arrays(directory / name))
    assert without_seconds(tmp_path) == without_seconds(directory)


def test_what_is_evaluated_and_kept_is_the_average_of_the_weights(undisturbed):
    """Compares with a hand-written loop: gradient, step, moving average."""
    model, loss = make_model(), keras.losses.SparseCategoricalCrossentropy(True)
    variables = model.trainable_variables
    average, losses, averages = None, [], []
    for step in range(STEPS * EPOCHS):
        n = order(step // STEPS)[step % STEPS]
        with tf.GradientTape() as tape:
            value = loss(TARGETS[n], model(INPUTS[n], training=True))
        model.optimizer.apply(tape.gradient(value, variables), variables)
        last = [variable.numpy() for variable in variables]
        pairs = zip(average or last, last, strict=True)
        average = [MOMENTUM * a + (1 - MOMENTUM) * w for a, w in pairs]
        if step % 2:
            assign(variables, average)
            each = [float(loss(TARGETS[n], model(INPUTS[n]))) for n in range(3)]
            assign(variables, last)
            losses.append(np.mean(each))
            averages.append(average)
    directory, weights = undisturbed(2)
    recorded = [row["val_loss"] for row in read_history(directory)]
    assert recorded == pytest.approx(losses, rel=1e-4)
    best = averages[int(np.argmin(losses))]
    kept = [w for w in weights if w.dtype == "float32"]  # the rest is random state
    for ours, theirs in zip(kept, best, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("use_ema", [True, False])
def test_averaged_weights_are_there_only_while_the_block_runs(use_ema):
    model = make_model(use_ema)
    model.optimizer.build(model.trainable_variables)
    for variable in model.optimizer.variables:
        if "average" in variable.path:
            variable.assign(tf.fill(variable.shape, 0.5))
    before = model.get_weights()
    with pytest.raises(ZeroDivisionError), averaged_weights(model):  # noqa: PT012
        inside = [variable.numpy() for variable in model.trainable_variables]
        raise ZeroDivisionError
    assert all((value == 0.5).all() for value in inside) == use_ema
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
