"""Builds the function from a chunk of audio to the posteriors of each frame.

Front end and LSTMs carry their state from chunk to chunk, so chunks of any size give
the same posteriors as the whole audio.
"""

import tensorflow as tf

from apps.common.portable.detector import DETECTION
from apps.common.portable.stream import LARGEST_LOGIT, carry_shapes
from apps.speech_commands.model import streams


def build_stream(model, front_end, config, labels):
    """Returns the `tf.function` that processes one chunk of audio.

    It takes `samples` `(batch, k * hop)` and a carry of fixed size:

    - `audio` `(batch, context)`, the previous samples;
    - with the pooling "max", `scores` `(batch, frames of a clip - 1, labels)`, the
      exponentials of the previous frames' logits;
    - `h_1`, `c_1`, ..., the state, each `(batch, units)`.

    The first chunk's carry is zeros. It returns `posteriors` `(batch, k, labels)`, at
    each frame those of a clip that ends there, and the next carry under the same names.
    It also returns `labels`, strings `(batch, labels)`; `sample_rate_hz` and `hop`,
    int32 `(batch,)`; and the settings of the detector in `DETECTION`, float32
    `(batch,)`. A client gets these alone by a chunk of no samples.

    Args:
        model: Model of `build_model`.
        front_end: The model's `LogMel`.
        config: The model's `Config`.
        labels: Names of the labels.

    Raises:
        ValueError: If the model needs whole clips.
    """
    if not streams(model):
        raise ValueError(
            "model.direction=both: the model needs the whole clip and cannot process a "
            "stream. Train one with model.direction=forward."
        )
    pooled = config.model.pooling == "max"
    frames = front_end.frames(config.data.clip_ms)
    classes = model.output[0].shape[-1]
    states = {state.name: state.shape[1] for state in model.inputs[1:]}
    carry = carry_shapes(front_end.context, states, frames if pooled else 0, classes)
    specs = [
        tf.TensorSpec([None, *shape], "float32", name=name)
        for name, shape in {"samples": [None], **carry}.items()
    ]

    def process(samples, audio, *carried):
        features = front_end(samples, audio)
        before, state = (carried[0], carried[1:]) if pooled else (None, carried)
        logits, *state = model([features, *state], training=False)
        extended = tf.concat([audio, samples], axis=1)
        carried = [extended[:, tf.shape(samples)[1] :]]
        logits = tf.clip_by_value(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
        scores = tf.exp(tf.cast(logits, "float32"))
        if pooled:
            known = tf.concat([before, scores], axis=1)
            carried.append(known[:, tf.shape(scores)[1] :])
            scores = tf.nn.max_pool1d(known, frames, 1, "VALID")
        posteriors = scores / tf.reduce_sum(scores, axis=-1, keepdims=True)
        return posteriors, *carried, *state

    @tf.function(autograph=False, input_signature=specs)
    def listen(samples, audio, *carried):
        batch = tf.shape(samples)[0]
        tf.debugging.assert_equal(
            tf.shape(samples)[1] % front_end.hop,
            0,
            f"samples: expected a multiple of {front_end.hop} samples.",
        )
        samples = tf.debugging.check_numerics(samples, "samples")
        posteriors, *carried = tf.cond(
            tf.shape(samples)[1] > 0,
            lambda: process(samples, audio, *carried),
            lambda: (tf.zeros([batch, 0, classes]), audio, *carried),
        )
        return {
            "posteriors": posteriors,
            **dict(zip(carry, carried, strict=True)),
            "labels": tf.tile(tf.constant([labels]), [batch, 1]),
            "sample_rate_hz": tf.fill([batch], front_end.sample_rate_hz),
            "hop": tf.fill([batch], front_end.hop),
            **{name: tf.fill([batch], float(x)) for name, x in DETECTION.items()},
        }

    return listen
