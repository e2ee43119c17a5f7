"""Turns chunks of audio into posteriors with NumPy, as the signature `stream` does."""

import numpy as np

LARGEST_LOGIT = 40.0  # keeps exponentials finite


def carry_shapes(context, states, frames, classes):
    """Returns the shapes without the batch of what is carried from chunk to chunk.

    Args:
        context: Number of samples before a chunk that its first frame needs.
        states: Number of units of each state, by name.
        frames: Frames of a clip, whose highest logits are pooled; 0 pools nothing.
        classes: Number of labels.

    Returns:
        `audio`, the previous samples; with pooling `scores`, the exponentials of the
        previous frames' logits; and the states.
    """
    scores = {"scores": (frames - 1, classes)} if frames else {}
    units = {name: (size,) for name, size in states.items()}
    return {"audio": (context,), **scores, **units}


class ChunkModel:
    """Turns chunks of audio into posteriors; the caller keeps the carry.

    Args:
        network: Takes log-mel frames `(batch, frames, bands)` and a list of states;
            returns logits `(batch, frames, labels)` and the list of the next states.
        front_end: A `LogMel`.
        states: Number of units of each state, by name, in the network's order.
        frames: As for `carry_shapes`.
        labels: Names of the labels.
        detection: Settings of the detector by name, as in `DETECTION`.

    Attributes:
        carry: What `carry_shapes` returns. The first chunk's carry is zeros.
    """

    def __init__(self, network, front_end, states, frames, labels, detection):
        self.network, self.front_end, self.frames = network, front_end, frames
        self.labels, self._states = labels, list(states)
        self.detection = detection
        self.carry = carry_shapes(front_end.context, states, frames, len(labels))

    def __call__(self, samples, audio, **carried):
        """Returns the outputs of the signature `stream`.

        Args:
            samples: float32 `(batch, k * hop)`.
            audio: The previous samples, `(batch, context)`.
            carried: The other arrays of the carry.

        Returns:
            A dictionary: `posteriors` `(batch, k, labels)`, at each frame those of a
            clip that ends there; the next carry; and for each row `labels`, strings
            `(batch, labels)`, `sample_rate_hz` and `hop`, int32 `(batch,)`, and the
            settings of the detector, float32 `(batch,)`.

        Raises:
            ValueError: If the samples are no whole frames, or not finite.
        """
        hop = self.front_end.hop
        batch, size = samples.shape
        if size % hop:
            raise ValueError(f"samples: expected a multiple of {hop} samples.")
        if not np.isfinite(samples).all():
            raise ValueError("samples: expected finite samples. Received: NaN or inf.")
        posteriors = np.zeros((batch, 0, len(self.labels)), "float32")
        if size:
            posteriors, carried = self._process(samples, audio, carried)
            audio = np.concatenate([audio, samples], axis=1)[:, size:]
        return {
            "posteriors": posteriors,
            "audio": audio,
            **carried,
            "labels": np.tile(np.array(self.labels, "object"), (batch, 1)),
            "sample_rate_hz": np.full(batch, self.front_end.sample_rate_hz, "int32"),
            "hop": np.full(batch, hop, "int32"),
            **{n: np.full(batch, x, "float32") for n, x in self.detection.items()},
        }

    def _process(self, samples, audio, carried):
        features = self.front_end(samples, audio)
        logits, states = self.network(features, [carried[n] for n in self._states])
        scores = np.exp(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT, dtype="float32"))
        new = dict(zip(self._states, states, strict=True))
        if self.frames:
            known = np.concatenate([carried["scores"], scores], axis=1)
            new["scores"] = known[:, scores.shape[1] :]
            scores = running_maximum(known, self.frames)
        return scores / scores.sum(axis=-1, keepdims=True), new


def running_maximum(x, width):
    """Returns the maximum over each `width` timesteps of `(batch, timesteps, ...)`.

    It doubles the width of the maxima until one step is left, so that a wide one costs
    little more than a narrow one.
    """
    done = 1
    while done < width:
        step = min(done, width - done)
        x = np.maximum(x[:, :-step], x[:, step:])
        done += step
    return x
