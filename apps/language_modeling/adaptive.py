"""Scores a whole text: statically, by dynamic evaluation and with a neural cache.

Each token is predicted before the model adapts to it. Settings are chosen on the
validation split.
"""

import itertools

import keras
import numpy as np
import tensorflow as tf

from apps.common.layers.state import zero_state
from apps.common.portable.progress import Progress
from apps.language_modeling.data import Windows
from lstm_layer.xla import compiled

WINDOW = 256  # timesteps; one shape for texts of any length
TUNING_TOKENS = 10000
# Dynamic evaluation: timesteps per update; training windows for the statistics.
STEP, STATISTICS_WINDOWS = 20, 100
LEARNING_RATES, DECAYS = (0.0001, 0.0002, 0.0004, 0.0008), (0.001, 0.005)
# Cache: hidden states kept, states per block; flatness theta and the cache's weight.
CACHE_SIZE, BLOCK = 2000, 250
FLATNESS, SHARES = (0.1, 0.2, 0.3, 0.5, 0.8, 1.2), (0.03, 0.06, 0.1, 0.15, 0.2, 0.3)


def log_probabilities(model, ids, start, with_states=False):
    """Returns the natural log-probability of each token; the state is never reset.

    Args:
        model: Model of `build_model`.
        ids: Token ids, `(tokens,)`.
        start: Token id that precedes the first one.
        with_states: Whether to also return the last layer's output before each token,
            `(tokens, embedding_dim)`.
    """
    inner = keras.Model(
        model.inputs, [model.get_layer("states").output, *model.outputs]
    )

    @compiled
    def score(token_ids, targets, state):
        states, logits, *state = inner([token_ids, *state], training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return -losses[0], states[0], state

    ids, previous = _inputs(ids, start)
    state, log_p, states = zero_state(model, 1), [], []
    bar = Progress(-(-len(ids) // WINDOW), "window")
    for begin in range(0, len(ids), WINDOW):
        cut = slice(begin, begin + WINDOW)
        length = len(ids[cut])
        padding = (0, WINDOW - length)
        scores, outputs, state = score(
            np.pad(previous[cut], padding)[np.newaxis],
            np.pad(ids[cut], padding)[np.newaxis],
            state,
        )
        log_p.append(scores.numpy()[:length])
        if with_states:
            states.append(outputs.numpy()[:length])
        bar.add()
    bar.close()
    log_p = np.concatenate(log_p)
    return (log_p, np.concatenate(states)) if with_states else log_p


def _inputs(ids, start):
    """Returns token ids, and the id that precedes each."""
    ids = np.asarray(ids)
    return ids, np.concatenate([[start], ids[:-1]]).astype("int32")


def dynamic_perplexity(model, data, start, batch_size, window):
    """Measures dynamic evaluation by the RMS rule (Krause, Kahembwe et al. 2018).

    After each window the weights take a gradient step, scaled by the root mean square
    of the training gradients. They also decay towards the trained weights.

    Args:
        model: Model of `build_model`; its weights are restored.
        data: `Data` with all splits.
        start: Token id that precedes a split's first one.
        batch_size: Streams read in parallel for the gradient statistics.
        window: Timesteps of their windows.

    Returns:
        The test perplexity, and a dictionary of the settings chosen on the first tokens
        of the validation split.
    """
    adapt = DynamicEvaluation(model, data.train, batch_size, window)
    validation = data.validation[:TUNING_TOKENS]
    losses = {
        settings: adapt.loss(validation, start, *settings)
        for settings in itertools.product(LEARNING_RATES, DECAYS)
    }
    best = min(losses, key=losses.get)
    loss = adapt.loss(data.test, start, *best)
    return float(np.exp(loss)), dict(zip(("learning_rate", "decay"), best, strict=True))


class DynamicEvaluation:
    """Updates a model on each window after predicting it; see `dynamic_perplexity`.

    Args:
        model: Model of `build_model`.
        train_ids: Token ids of the training text.
        batch_size: Streams read in parallel for the gradient statistics.
        window: Timesteps of their windows.
    """

    def __init__(self, model, train_ids, batch_size, window):
        self.model, self.weights = model, model.trainable_variables
        self.first = [tf.constant(weight.numpy()) for weight in self.weights]
        squares = [np.zeros(weight.shape, "float32") for weight in self.weights]
        windows = Windows(train_ids, batch_size, window).in_order()
        batches = 0
        state = zero_state(model, batch_size)
        for inputs, targets in windows.take(STATISTICS_WINDOWS):
            _, gradients, state = self._gradients(inputs["token_ids"], targets, state)
            for square, gradient in zip(squares, gradients, strict=True):
                square += np.square(tf.convert_to_tensor(gradient).numpy())
            batches += 1
        roots = [np.sqrt(square / batches) for square in squares]
        mean = sum(root.sum() for root in roots) / sum(root.size for root in roots)
        # The mean is added, or a weight with tiny training gradients would jump.
        self.scales = [tf.constant(root + mean) for root in roots]
        self.decay_scales = [tf.constant(root / mean) for root in roots]

    @tf.function(autograph=False, reduce_retracing=True)
    def _gradients(self, token_ids, targets, state):
        with tf.GradientTape() as tape:
            logits, *state = self.model([token_ids, *state], training=False)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses)
        weights = [weight.value for weight in self.weights]
        gradients = tape.gradient(loss, weights)
        return losses, [tf.convert_to_tensor(g) for g in gradients], state

    @tf.function(autograph=False)
    def _step(self, token_ids, targets, state, learning_rate, decay):
        losses, gradients, state = self._gradients(token_ids, targets, state)
        scales = (self.scales, self.decay_scales)
        columns = (self.weights, self.first, gradients, *scales)
        for weight, first, gradient, scale, decay_scale in zip(*columns, strict=True):
            step = learning_rate * gradient / scale
            back = tf.minimum(decay * decay_scale, 1.0) * (first - weight.value)
            weight.assign(weight.value - step + back)
        return tf.reduce_sum(losses), state

    def loss(self, ids, start, learning_rate, decay):
        """Returns the mean loss per token, each predicted before the update on it.

        The weights are restored at the end; a diverged loss is infinite.
        """
        ids, previous = _inputs(ids, start)
        state = zero_state(self.model, 1)
        rates = tf.constant(learning_rate), tf.constant(decay)
        bar = Progress(-(-len(ids) // STEP), "window")
        total = 0.0
        try:
            for begin in range(0, len(ids), STEP):
                cut = slice(begin, begin + STEP)
                sums, state = self._step(
                    previous[np.newaxis, cut], ids[np.newaxis, cut], state, *rates
                )
                total += float(sums)
                bar.add()
        finally:
            bar.close()
            for weight, first in zip(self.weights, self.first, strict=True):
                weight.assign(first)
        return total / len(ids) if np.isfinite(total) else np.inf


def cache_perplexity(model, data, start):
    """Measures the neural cache (Grave, Joulin and Usunier 2017).

    The cache holds the last hidden states, each with the token that followed it. It
    raises the probability of tokens that followed states similar to the current one.

    Args:
        model: Model of `build_model`.
        data: `Data` with the validation and the test split.
        start: Token id that precedes a split's first one.

    Returns:
        The test perplexity, and a dictionary of the settings chosen on the validation
        split.
    """
    losses = {}
    ids = np.asarray(data.validation[:TUNING_TOKENS])
    log_p, states = log_probabilities(model, ids, start, with_states=True)
    for flatness in FLATNESS:
        cached = cached_probabilities(states, ids, flatness)
        for share in SHARES:
            losses[flatness, share] = _mixed_loss(log_p, cached, share)
    flatness, share = min(losses, key=losses.get)
    log_p, states = log_probabilities(model, data.test, start, with_states=True)
    cached = cached_probabilities(states, np.asarray(data.test), flatness)
    loss = _mixed_loss(log_p, cached, share)
    return float(np.exp(loss)), {
        "flatness": flatness,
        "share": share,
        "size": CACHE_SIZE,
    }


def _mixed_loss(log_p, cached, share):
    return -float(np.mean(np.log((1 - share) * np.exp(log_p) + share * cached + 1e-30)))


def cached_probabilities(states, ids, flatness, size=CACHE_SIZE, block=BLOCK):
    """Returns each token's probability under the cache alone, `(tokens,)`.

    Args:
        states: Hidden state before each token, `(tokens, features)`.
        ids: Token ids, `(tokens,)`.
        flatness: Factor on the dot products of states, the paper's theta; 0 weighs
            all cached tokens equally.
        size: Number of tokens in the cache.
        block: Number of tokens computed at once.
    """
    probabilities = np.zeros(len(ids))
    for begin in range(1, len(ids), block):
        end = min(begin + block, len(ids))
        low = max(0, begin - size)
        scores = flatness * states[begin:end] @ states[low : end - 1].T
        now, past = np.arange(begin, end)[:, None], np.arange(low, end - 1)
        scores = np.where((past < now) & (past >= now - size), scores, -np.inf)
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        same = ids[past] == ids[now]
        probabilities[begin:end] = (scores * same).sum(axis=1) / scores.sum(axis=1)
    return probabilities
