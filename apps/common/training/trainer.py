"""Training and evaluation steps on one or many replicas."""

import math

import keras
import tensorflow as tf

from lstm_layer.xla import compiled


class Trainer(keras.Model):
    """Trains a model on one replica or on many.

    Each replica reads its rows of a batch and sums loss and metrics over them. The
    update uses the sums over all replicas, so that neither the number of replicas nor
    padding changes a step.

    `keras.Model.fit` runs it. It must be created outside the strategy's scope and calls
    `strategy.run` itself, since Keras 3's train function fails on several workers.

    Args:
        strategy: A `tf.distribute.Strategy`.
        model: The model to train, created in the strategy's scope.
        optimizer: Its optimizer, created in the same scope.
        loss_fn: `loss_fn(batch, training, *state)` returns the loss to minimize, a
            dictionary of metrics, and the next state. Each metric is a pair of a sum
            and its weight; one of them is "loss". All are sums over the rows of the
            batch.
        reported: Names of the metrics that `loss_fn` returns.
        state: For "train" and for "test" a list of `PerReplicaState`, which is carried
            from batch to batch.
        perplexity: Whether to report the exponential of the loss as well.
    """

    def __init__(
        self,
        strategy,
        model,
        optimizer,
        loss_fn,
        reported=("loss", "accuracy"),
        state=None,
        perplexity=False,
    ):
        super().__init__()
        self.strategy, self.model, self.loss_fn = strategy, model, loss_fn
        self.state = state or {"train": (), "test": ()}
        self.means = {name: keras.metrics.Mean(name) for name in reported}
        self.perplexity = perplexity
        self.built = True
        with strategy.scope():
            optimizer.build(model.trainable_weights)
        self.compile(optimizer, jit_compile=False)

    @property
    def metrics(self):
        """Returns the metrics, which Keras resets at each epoch."""
        return list(self.means.values())

    def make_train_function(self, force=False):
        """Builds the function that `fit` calls for each training batch."""
        if self.train_function is None or force:
            self.train_function = self._on_each_replica("train", self._update)

    def make_test_function(self, force=False):
        """Builds the function that `fit` calls for each validation batch."""
        if self.test_function is None or force:
            self.test_function = self._on_each_replica("test", lambda gradients: None)

    def _on_each_replica(self, split, update):
        run = self._training if split == "train" else self._testing

        @tf.function(autograph=False, reduce_retracing=True)
        def step(iterator, state):
            sums, state = self.strategy.run(run, args=(next(iterator), state))
            gradients, reported = self._over_replicas(sums, split == "train")
            update(gradients)
            return self._log(reported), state

        def function(iterator):
            state = self.state[split]
            logs, next_state = step(iterator, [tensor.values for tensor in state])
            for tensor, values in zip(state, next_state, strict=True):
                tensor.values = values
            return logs

        return function

    def _training(self, batch, state):
        with tf.GradientTape() as tape:
            objective, reported, *state = self.loss_fn(batch, True, *state)
        gradients = tape.gradient(objective, self.model.trainable_weights)
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        return self._packed(gradients + self._flat(reported)), state

    def _testing(self, batch, state):
        _, reported, *state = self.loss_fn(batch, False, *state)
        return self._packed(self._flat(reported)), state

    def _flat(self, reported):
        values = [value for name in self.means for value in reported[name]]
        return [tf.cast(value, "float32") for value in values]

    def _packed(self, tensors):
        """Concatenates tensors, so that replicas reduce them in one operation."""
        if self.strategy.num_replicas_in_sync == 1:
            return tensors
        return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)

    def _over_replicas(self, sums, training):
        """All-reduces gradients and metrics to their sums over all replicas."""
        weights = self.model.trainable_weights if training else []
        shapes = [weight.shape for weight in weights]
        shapes += [()] * (2 * len(self.means))
        if self.strategy.num_replicas_in_sync > 1:
            total = self.strategy.reduce("SUM", sums, axis=None)
            parts = tf.split(total, [math.prod(shape) for shape in shapes])
            sums = [tf.reshape(p, s) for p, s in zip(parts, shapes, strict=True)]
        return sums[: len(weights)], sums[len(weights) :]

    def _update(self, gradients):
        if self.strategy.num_replicas_in_sync == 1:
            self._compiled_update(gradients)
        else:  # XLA cannot update mirrored variables
            self.optimizer.apply(gradients, self.model.trainable_weights)

    @compiled
    def _compiled_update(self, gradients):
        self.optimizer.apply(gradients, self.model.trainable_weights)

    def _log(self, reported):
        logs = {}
        pairs = zip(reported[::2], reported[1::2], strict=True)
        for (name, mean), (total, weight) in zip(
            self.means.items(), pairs, strict=True
        ):
            mean.update_state(tf.math.divide_no_nan(total, weight), weight)
            logs[name] = mean.result()
        if self.perplexity:
            logs["perplexity"] = tf.exp(logs["loss"])
        return logs


class PerReplicaState:
    """An array whose rows are divided among the replicas.

    Args:
        strategy: A `tf.distribute.Strategy`.
        array: All rows, in the order of the replicas. The number of rows must be a
            multiple of the number of replicas.
    """

    def __init__(self, strategy, array):
        self.strategy = strategy
        self.assign(array)

    def assign(self, array):
        """Divides an array among the replicas."""
        rows = len(array) // self.strategy.num_replicas_in_sync

        def rows_of_replica(context):
            number = context.replica_id_in_sync_group
            return tf.constant(array[number * rows : (number + 1) * rows])

        self.values = self.strategy.experimental_distribute_values_from_function(
            rows_of_replica
        )

    def numpy(self):
        """Gathers all rows from all replicas."""
        if self.strategy.num_replicas_in_sync == 1:
            return self.values.numpy()
        return self.strategy.gather(self.values, axis=0).numpy()
