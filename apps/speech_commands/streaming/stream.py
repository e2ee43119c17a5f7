"""Builds the function from a chunk of audio to the posteriors of each frame.

Front end and LSTMs carry their state from chunk to chunk, so chunks of any size give
the same posteriors as the whole audio.
"""

import tensorflow as tf

from apps.common.portable.detector import DETECTION
from apps.common.portable.stream import LARGEST_LOGIT, carry_shapes
from apps.speech_commands.model import streams


def build_stream(model, front_end, config, labels, detection=DETECTION):
    """Returns the `tf.function` that processes one chunk of audio.

    It takes `samples` `(batch, k * hop)` and a carry of fixed size:

    - `audio` `(batch, context)`, the previous samples;
    - with the pooling "max", `scores` `(batch, frames of a clip - 1, labels)`, the
      exponentials of the previous frames' logits;
    - `h_1`, `c_1`, ..., the state, each `(batch, units)`.

    The first chunk's carry is zeros. It returns `posteriors` `(batch, k, labels)`, at
    each frame those of a clip that ends there, and the next carry under the same names.
    It also returns `labels`, strings `(batch, labels)`; `sample_rate_hz` and `hop`,
    int32 `(batch,)`; and the settings of the detector, those in `DETECTION`, float32
    `(batch,)`. A client gets these alone by a chunk of no samples.

    Args:
        model: Model of `build_model`.
        front_end: The model's `LogMel`.
        config: The model's `Config`.
        labels: Names of the labels.
        detection: Settings of the detector by name.

    Raises:
        ValueError: If the model needs whole clips.
    """
    if not streams(model):
        raise ValueError(
            "model.direction=both: the model needs the whole clip and cannot process a "
            "stream. Train one with model.direction=forward."
        )
    frames = pooled_frames(front_end, config)
    classes = model.output[0].shape[-1]
    states = {state.name: state.shape[1] for state in model.inputs[1:]}
    carry = carry_shapes(front_end.context, states, frames, classes)
    specs = [
        tf.TensorSpec([None, *shape], "float32", name=name)
        for name, shape in {"samples": [None], **carry}.items()
    ]

    def process(samples, audio, *carried):
        features = front_end(samples, audio)
        before, state = (carried[0], carried[1:]) if frames else (None, carried)
        logits, *state = model([features, *state], training=False)
        extended = tf.concat([audio, samples], axis=1)
        carried = [extended[:, tf.shape(samples)[1] :]]
        posteriors, known = posteriors_of(logits, before, frames)
        if frames:
            carried.append(known[:, tf.shape(logits)[1] :])
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
            **{name: tf.fill([batch], float(x)) for name, x in detection.items()},
        }

    return listen


def build_minutes(model, front_end, config):
    """Returns the `tf.function` from log-mel frames of whole recordings to posteriors.

    It takes `features` `(batch, frames, bands)`, each row from the beginning of a
    stream, and returns `(batch, frames, labels)`: what `build_stream` gives.

    Args:
        model: Model of `build_model` that streams.
        front_end: The model's `LogMel`.
        config: The model's `Config`.
    """
    frames = pooled_frames(front_end, config)
    features, *states = model.inputs
    spec = tf.TensorSpec([None, None, features.shape[2]], "float32", name="features")

    @tf.function(autograph=False, input_signature=[spec])
    def minutes(features):
        rows = tf.shape(features)[0]
        state = [tf.zeros([rows, state.shape[1]]) for state in states]
        logits, *_ = model([features, *state], training=False)
        before = tf.zeros([rows, max(frames - 1, 0), logits.shape[-1]])
        return posteriors_of(logits, before, frames)[0]

    return minutes


def pooled_frames(front_end, config):
    """Returns the frames of a clip, whose highest logits are pooled; 0 pools none."""
    pooled = config.model.pooling == "max"
    return front_end.frames(config.data.clip_ms) if pooled else 0


def posteriors_of(logits, before, frames):
    """Returns the posteriors at each frame, and the scores that were pooled.

    Args:
        logits: `(batch, frames, labels)`.
        before: Scores of the previous frames; not read without pooling.
        frames: What `pooled_frames` returns.
    """
    logits = tf.clip_by_value(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
    scores = known = tf.exp(tf.cast(logits, "float32"))
    if frames:
        known = tf.concat([before, scores], axis=1)
        scores = tf.nn.max_pool1d(known, frames, 1, "VALID")
    return scores / tf.reduce_sum(scores, axis=-1, keepdims=True), known
