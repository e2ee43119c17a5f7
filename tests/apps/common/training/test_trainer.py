"""The metrics that a `Trainer` reports for batches of different sizes."""

import keras
import pytest
import tensorflow as tf

from apps.common.training.trainer import Trainer


def test_what_is_reported_is_a_mean_over_rows_not_over_batches():
    def loss_fn(batch, training):
        rows = tf.cast(batch, "float32")
        return tf.reduce_sum(rows), {"loss": (tf.reduce_sum(rows), tf.size(rows))}

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    strategy = tf.distribute.get_strategy()
    trainer = Trainer(strategy, model, keras.optimizers.SGD(), loss_fn, ["loss"])
    trainer.make_test_function()
    batches = iter(tf.data.Dataset.range(5).batch(4))  # 0, 1, 2, 3 and 4 alone
    assert float(trainer.test_function(batches)["loss"]) == pytest.approx(1.5)
    assert float(trainer.test_function(batches)["loss"]) == pytest.approx(2.0)
    trainer.reset_metrics()
    batches = iter(tf.data.Dataset.range(3).batch(4))
    assert float(trainer.test_function(batches)["loss"]) == pytest.approx(1.0)
