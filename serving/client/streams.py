"""Streaming: texts token by token and detections chunk by chunk, one call each."""

from typing import NamedTuple

import numpy as np

from apps.common.portable.detector import DETECTION, Listener
from apps.common.portable.samples import as_samples
from apps.common.portable.sampling import SETTINGS, check_settings

STREAM = "stream"
MAX_FRAMES = 500  # in one call; longer chunks are split


class StreamSpec(NamedTuple):
    """What a streaming model says of itself.

    Attributes:
        labels: Names of the labels.
        sample_rate_hz: Samples per second that the model takes.
        hop: Samples per frame.
        detection: Settings of the detector by name, as in `DETECTION`.
    """

    labels: list
    sample_rate_hz: int
    hop: int
    detection: dict


class Streams:
    """The streaming methods of a `Client`."""

    def generate(
        self,
        model,
        prompt,
        max_tokens=50,
        temperature=SETTINGS["temperature"].default,
        top_k=SETTINGS["top_k"].default,
        top_p=SETTINGS["top_p"].default,
        repetition_penalty=SETTINGS["repetition_penalty"].default,
        seed=SETTINGS["seed"].default,
        version=None,
    ):
        """Yields a language model's continuation of a prompt, token by token.

        Makes one call per token. Each call sends the state that the last one returned.

        Args:
            model: Name of a model with the signature `stream`.
            prompt: Beginning of the text; it is not yielded.
            max_tokens: Maximum number of tokens; the model may end the text earlier.
            temperature: Divides the logits; 0 always takes the most probable token.
            top_k: Samples from this number of the most probable tokens; 0: from all.
            top_p: Samples from the most probable tokens that together have this
                probability.
            repetition_penalty: Penalty for repeated tokens; 1 is none.
            seed: Random seed.
            version: Version number, or None for the newest loaded version.
        """
        settings = {
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "repetition_penalty": repetition_penalty,
            "seed": seed,
        }
        check_settings(settings, max_tokens)
        given = {"prompt": [prompt]}
        given |= {name: [value] for name, value in settings.items()}
        state = self._zeros(model, given, version)
        for _ in range(max_tokens):
            answer = self.predict(model, {**given, **state}, STREAM, version)
            if answer["ended"][0]:
                return
            yield answer["text"][0]
            given["prompt"] = [""]  # the state contains it
            state = {name: answer[name] for name in state}

    def sound(self, model, version=None):
        """Returns a speech model's labels, sample rate and more, a `StreamSpec`."""
        samples = {"samples": np.zeros((1, 0), "float32")}
        state = self._zeros(model, samples, version)
        answer = self.predict(model, samples | state, STREAM, version)
        rate, hop = int(answer["sample_rate_hz"][0]), int(answer["hop"][0])
        detection = {
            name: round(float(answer[name][0]), 6) if name in answer else value
            for name, value in DETECTION.items()  # exports of before lack them
        }
        return StreamSpec(answer["labels"][0].tolist(), rate, hop, detection)

    def listen(
        self,
        model,
        chunks,
        threshold=None,
        smoothing_ms=None,
        pause_ms=None,
        version=None,
    ):
        """Yields a `Detection` for each word in an audio stream.

        Args:
            model: Name of a model with the signature `stream`.
            chunks: Iterable of arrays `(samples,)` of any length, at the model's sample
                rate (see `sound`): floats between -1 and 1, or integers, which are
                scaled.
            threshold: Minimum smoothed posterior of a detection; None is the model's.
            smoothing_ms: Milliseconds over which posteriors are averaged; None is the
                model's.
            pause_ms: Milliseconds after a detection without another one; None is the
                model's.
            version: Version number, or None for the newest loaded version.
        """
        labels, rate, hop, detection = self.sound(model, version)
        given = (threshold, smoothing_ms, pause_ms)
        given = zip(DETECTION, given, strict=True)
        detection |= {name: value for name, value in given if value is not None}
        listener = Listener(labels, hop / rate, **detection)
        state = self._zeros(model, ["samples"], version)
        rest = np.zeros(0, "float32")
        for chunk in chunks:
            rest = np.concatenate([rest, as_samples(chunk, "chunks")])
            while len(rest) >= hop:
                count = min(len(rest) // hop, MAX_FRAMES) * hop
                inputs = {"samples": rest[np.newaxis, :count], **state}
                answer = self.predict(model, inputs, STREAM, version)
                state = {name: answer[name] for name in state}
                rest = rest[count:]
                yield from listener.feed(answer["posteriors"][0])[1]

    def _zeros(self, model, given, version):
        """Returns a stream's initial state: zeros for all inputs but those given."""
        taken, returned = self.signature(model, STREAM, version).values()
        state_names = [name for name in taken if name not in given]
        if not set(given) <= set(taken) or not set(state_names) <= set(returned):
            raise ValueError(
                f"{model}: expected a signature {STREAM} that takes "
                f"{', '.join(given)}, and whose other inputs are among its outputs. "
                f"Received: the inputs {', '.join(taken)} and the outputs "
                f"{', '.join(returned)}."
            )
        return {
            name: np.zeros([1, *(size or 0 for size in shape[1:])], dtype)
            for name, (dtype, shape) in ((name, taken[name]) for name in state_names)
        }
