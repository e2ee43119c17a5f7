"""Listens to sound that arrives in chunks: posteriors for each frame, words when heard.

Front end and LSTMs carry on from chunk to chunk, so that chunks of any size give what
the whole sound gives.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from apps.speech_commands.audio import check
from apps.speech_commands.model import streams

LARGEST_LOGIT = 40.0  # so that its exponential is finite
MOST_FRAMES = 500  # at once: a minute of sound is worked off piece by piece
THRESHOLD = 0.8
SMOOTHING_MS = 200
PAUSE_MS = 300


@dataclass(frozen=True)
class Detection:
    """A word that was heard.

    Attributes:
        word: Its label.
        time_s: When the score reached the threshold, in seconds from the beginning.
        score: The smoothed posterior at that moment, 0 to 1.
    """

    word: str
    time_s: float
    score: float


def streaming(model, front_end, config):
    """Returns the function that a served model runs on a chunk of sound.

    It takes `samples` `(batch, k * hop)` and a carry of fixed size: `audio` `(batch,
    context)`, the samples before them; with the pooling "max" `scores` `(batch, frames
    of a clip - 1, labels)`, the exponentials of their logits; and `h_1`, `c_1`, ...
    `(batch, units)`. It returns `posteriors` `(batch, k, labels)`, at each frame those
    of a clip that ends there, and the carry for the next chunk under the same names.
    The first chunk's carry is zeros.

    Args:
        model: What `build_model` returns.
        front_end: Its `LogMel`.
        config: Its `Config`.

    Raises:
        ValueError: If the model needs whole clips.
    """
    if not streams(model):
        raise ValueError(
            "This model needs the whole clip, so it cannot listen to a stream. Train "
            "one with model.direction=forward."
        )
    pooled = config.model.pooling == "max"
    frames = front_end.frames(config.data.clip_ms)
    classes = model.output[0].shape[-1]
    carry = {
        "audio": [None, front_end.context],
        **({"scores": [None, frames - 1, classes]} if pooled else {}),
        **{state.name: [None, state.shape[1]] for state in model.inputs[1:]},
    }
    specs = [
        tf.TensorSpec(shape, "float32", name=name)
        for name, shape in {"samples": [None, None], **carry}.items()
    ]

    @tf.function(input_signature=specs)
    def listen(samples, audio, *carried):
        tf.debugging.assert_equal(
            tf.shape(samples)[1] % front_end.hop,
            0,
            f"samples: expected a multiple of {front_end.hop} samples.",
        )
        samples = tf.debugging.check_numerics(samples, "samples")
        features = front_end(samples, audio)
        before, state = (carried[0], carried[1:]) if pooled else (None, carried)
        logits, *state = model([features, *state], training=False)
        heard = tf.concat([audio, samples], axis=1)
        carried = [heard[:, tf.shape(samples)[1] :]]
        logits = tf.clip_by_value(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
        scores = tf.exp(tf.cast(logits, "float32"))
        if pooled:
            known = tf.concat([before, scores], axis=1)
            carried.append(known[:, tf.shape(scores)[1] :])
            scores = tf.nn.max_pool1d(known, frames, 1, "VALID")
        posteriors = scores / tf.reduce_sum(scores, axis=-1, keepdims=True)
        return {
            "posteriors": posteriors,
            **dict(zip(carry, [*carried, *state], strict=True)),
        }

    return listen


class Stream:
    """A stream of sound, and what is heard in it.

    Args:
        listen: What `streaming` returns; many streams may share it.
        front_end: The model's `LogMel`.
        labels: Names of the labels; those that begin with "_" are no words.
        threshold: Smoothed posterior from which a word is heard.
        smoothing_ms: Posteriors are averaged over so much time.
        pause_ms: After a word none is heard for so long, and the same one only after
            its score has fallen below the threshold.
    """

    def __init__(
        self,
        listen,
        front_end,
        labels,
        threshold=THRESHOLD,
        smoothing_ms=SMOOTHING_MS,
        pause_ms=PAUSE_MS,
    ):
        self.hop, self.labels = front_end.hop, labels
        self.frame_s = front_end.hop / front_end.sample_rate_hz
        self._listen = listen
        self._carry = {
            spec.name: tf.zeros([1, *spec.shape[1:]])
            for spec in listen.input_signature[1:]
        }
        self._rest = np.zeros(0, "float32")
        window = max(1, round(smoothing_ms / 1000 / self.frame_s))
        self._before = np.zeros((window - 1, len(labels)), "float32")
        self.pause = round(pause_ms / 1000 / self.frame_s)
        self._detector = Detector(labels, threshold, self.pause)
        self.frames = 0

    def feed(self, samples):
        """Takes the next samples.

        Args:
            samples: float32 between -1 and 1, `(any number,)`.

        Returns:
            Smoothed posteriors `(frames, labels)` of the frames that are complete, and
            a list of `Detection`.

        Raises:
            ValueError: If a sample is NaN or infinite.
        """
        sound = np.concatenate([self._rest, check(np.asarray(samples), "samples")])
        whole = len(sound) // self.hop * self.hop
        self._rest = sound[whole:].astype("float32")
        posteriors = [np.zeros((0, len(self.labels)), "float32")]
        for start in range(0, whole, MOST_FRAMES * self.hop):
            piece = sound[start : min(start + MOST_FRAMES * self.hop, whole)]
            piece = tf.constant(piece[np.newaxis], "float32")
            answer = self._listen(piece, *self._carry.values())
            posteriors.append(answer["posteriors"][0].numpy())
            self._carry = {name: answer[name] for name in self._carry}
        smoothed = self._smooth(np.concatenate(posteriors))
        found = [
            Detection(
                self.labels[label], (self.frames + frame + 1) * self.frame_s, score
            )
            for frame, label, score in self._detector.feed(smoothed)
        ]
        self.frames += len(smoothed)
        return smoothed, found

    def _smooth(self, posteriors):
        """Returns the mean over each frame and those before it in the window."""
        window = len(self._before) + 1
        known = np.concatenate([self._before, posteriors])
        self._before = known[len(known) - window + 1 :]
        if not len(posteriors):
            return posteriors
        view = np.lib.stride_tricks.sliding_window_view(known, window, axis=0)
        return view.mean(axis=-1)


class Detector:
    """Turns smoothed posteriors into detections.

    Args:
        labels: Names of the labels; those that begin with "_" are no words.
        threshold: Posterior from which a word is heard.
        pause: Frames after a detection in which there is no other. The same word is
            heard again only after its score has fallen below the threshold.
    """

    def __init__(self, labels, threshold, pause):
        self.threshold, self.pause = threshold, pause
        self.words = [n for n, label in enumerate(labels) if label[0] != "_"]
        self._last, self._since = None, pause

    def feed(self, posteriors):
        """Returns `(frame, label id, score)` of the words heard in the next frames."""
        scores = posteriors[:, self.words]
        best = scores.argmax(axis=1) if len(scores) else []
        found = []
        for frame, word in enumerate(best):
            score = float(scores[frame, word])
            self._since += 1
            if self._last is not None and scores[frame, self._last] < self.threshold:
                self._last = None
            if score < self.threshold:
                continue
            if self._since > self.pause and word != self._last:
                found.append((frame, self.words[word], score))
                self._last, self._since = word, 0
        return found
