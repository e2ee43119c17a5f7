"""Answers that come bit by bit, one call a bit: texts and detections."""

from typing import NamedTuple

import numpy as np

from apps.common.portable.detector import (
    PAUSE_MS,
    SMOOTHING_MS,
    THRESHOLD,
    Listener,
)
from serving.client.arrays import check_samples

STREAM = "stream"
MOST_FRAMES = 500  # in one call, whatever the length of the chunk


class StreamSpec(NamedTuple):
    """What a speech model listens for and to: labels, rate, samples of a frame."""

    labels: list
    sample_rate_hz: int
    hop: int


class Streams:
    """The part of a `Client` that streams."""

    def generate(
        self,
        model,
        prompt,
        max_tokens=50,
        temperature=0.8,
        top_k=0,
        top_p=0.95,
        repetition_penalty=1.1,
        seed=1,
        version=None,
    ):
        """Yields a language model's text after a prompt, piece by piece as it is drawn.

        One call a token; what the model knows of the text goes to and fro.

        Args:
            model: One with the signature `stream`.
            prompt: How the text begins; it is not among the pieces.
            max_tokens: Pieces, at most; the model may end the text before.
            temperature: 0 takes the most probable token always.
            top_k: Draws from so many tokens; 0: from all.
            top_p: Draws from the tokens that together have this probability.
            repetition_penalty: 1 is none.
            seed: Another seed, another text.
            version: A number, or None for the one that serves.
        """
        for name, value, bound in (
            ("max_tokens", max_tokens, np.inf),
            ("temperature", temperature, np.inf),
            ("top_k", top_k, np.inf),
            ("top_p", top_p, 1),
            ("repetition_penalty", repetition_penalty or -1, np.inf),
        ):
            if not 0 <= value <= bound or value == np.inf:
                least = "above 0" if name == "repetition_penalty" else "0 or more"
                most = "" if bound == np.inf else f", at most {bound}"
                raise ValueError(
                    f"{name}: expected a number, {least}{most}. Received: {value}."
                )
        given = {
            "prompt": [prompt],
            "temperature": [temperature],
            "top_k": [top_k],
            "top_p": [top_p],
            "repetition_penalty": [repetition_penalty],
            "seed": [seed],
        }
        carry = self._zeros(model, given, version)
        for _ in range(max_tokens):
            answer = self.predict(model, {**given, **carry}, STREAM, version)
            if answer["ended"][0]:
                return
            yield answer["text"][0]
            given["prompt"] = [""]  # the model has read it
            carry = {name: answer[name] for name in carry}

    def sound(self, model, version=None):
        """Returns the labels, sample rate and hop of a speech model, a `StreamSpec`."""
        samples = {"samples": np.zeros((1, 0), "float32")}
        carry = self._zeros(model, samples, version)
        answer = self.predict(model, samples | carry, STREAM, version)
        rate, hop = int(answer["sample_rate_hz"][0]), int(answer["hop"][0])
        return StreamSpec(answer["labels"][0].tolist(), rate, hop)

    def listen(
        self,
        model,
        chunks,
        threshold=THRESHOLD,
        smoothing_ms=SMOOTHING_MS,
        pause_ms=PAUSE_MS,
        version=None,
    ):
        """Yields the words heard in a stream of sound, each a `Detection`.

        Args:
            model: One with the signature `stream`.
            chunks: Iterable of samples, float32 `(any number,)` between -1 and 1, at
                the model's rate, which `sound` tells.
            threshold: Smoothed posterior from which a word is heard.
            smoothing_ms: Posteriors are averaged over so much time.
            pause_ms: After a word none is heard for so long.
            version: A number, or None for the one that serves.
        """
        labels, rate, hop = self.sound(model, version)
        listener = Listener(labels, hop / rate, threshold, smoothing_ms, pause_ms)
        carry = self._zeros(model, ["samples"], version)
        rest = np.zeros(0, "float32")
        for chunk in chunks:
            rest = np.concatenate([rest, check_samples(chunk)])
            while len(rest) >= hop:
                count = min(len(rest) // hop, MOST_FRAMES) * hop
                inputs = {"samples": rest[np.newaxis, :count], **carry}
                answer = self.predict(model, inputs, STREAM, version)
                carry = {name: answer[name] for name in carry}
                rest = rest[count:]
                yield from listener.feed(answer["posteriors"][0])[1]

    def _zeros(self, model, given, version):
        """Returns the first carry of a stream: its other inputs, zeros of one row."""
        taken, returned = self.signature(model, STREAM, version).values()
        carried = [name for name in taken if name not in given]
        if not set(given) <= set(taken) or not set(carried) <= set(returned):
            raise ValueError(
                f"{model}: expected a signature {STREAM} that takes "
                f"{', '.join(given)} and else what it returns. Received: one that "
                f"takes {', '.join(taken)} and returns {', '.join(returned)}."
            )
        return {
            name: np.zeros([1, *(size or 0 for size in shape[1:])], dtype)
            for name, (dtype, shape) in ((name, taken[name]) for name in carried)
        }
