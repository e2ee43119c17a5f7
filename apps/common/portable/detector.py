"""Detects words in a stream of posteriors.

It needs NumPy only, so that clients can use it. serving/web/detector.js is the same in
JavaScript.
"""

from dataclasses import dataclass

import numpy as np

THRESHOLD = 0.8
SMOOTHING_MS = 200
PAUSE_MS = 300
# What a stream needs to detect words; each export has these, for every engine.
DETECTION = {
    "threshold": THRESHOLD,
    "smoothing_ms": SMOOTHING_MS,
    "pause_ms": PAUSE_MS,
}


@dataclass(frozen=True)
class Detection:
    """A detected word.

    Attributes:
        word: Label of the word.
        time_s: Seconds from the start of the stream until the score reached the
            threshold.
        score: Smoothed posterior at that time, 0 to 1.
    """

    word: str
    time_s: float
    score: float


class Listener:
    """Smooths the posteriors of a stream and detects words in them.

    Args:
        labels: Names of the labels; labels that begin with "_" are not words.
        frame_s: Seconds from one frame to the next.
        threshold: Minimum smoothed posterior of a detection.
        smoothing_ms: Milliseconds over which posteriors are averaged.
        pause_ms: Milliseconds after a detection without another one. The same word is
            detected again only after its score has fallen below the threshold.
    """

    def __init__(
        self,
        labels,
        frame_s,
        threshold=THRESHOLD,
        smoothing_ms=SMOOTHING_MS,
        pause_ms=PAUSE_MS,
    ):
        self.labels, self.frame_s = labels, frame_s
        window = max(1, round(smoothing_ms / 1000 / frame_s))
        self._before = np.zeros((window - 1, len(labels)), "float32")
        self.pause = round(pause_ms / 1000 / frame_s)
        self._detector = Detector(labels, threshold, self.pause)
        self.frames = 0

    def feed(self, posteriors):
        """Processes the posteriors of the next frames.

        Args:
            posteriors: float32 `(frames, labels)`; the number of frames may be 0.

        Returns:
            Smoothed posteriors of the same shape, and a list of `Detection`.
        """
        smoothed = self._smooth(posteriors)
        detections = [
            Detection(
                self.labels[label], (self.frames + frame + 1) * self.frame_s, score
            )
            for frame, label, score in self._detector.feed(smoothed)
        ]
        self.frames += len(smoothed)
        return smoothed, detections

    def _smooth(self, posteriors):
        """Returns the mean over each frame and the earlier ones in the window."""
        window = len(self._before) + 1
        frames = np.concatenate([self._before, posteriors])
        self._before = frames[len(frames) - window + 1 :]
        if not len(posteriors):
            return posteriors
        view = np.lib.stride_tricks.sliding_window_view(frames, window, axis=0)
        return view.mean(axis=-1)


class Detector:
    """Turns smoothed posteriors into detections.

    Args:
        labels: Names of the labels; labels that begin with "_" are not words.
        threshold: Minimum smoothed posterior of a detection.
        pause: Frames after a detection without another one. The same word is detected
            again only after its score has fallen below the threshold.
    """

    def __init__(self, labels, threshold, pause):
        self.threshold, self.pause = threshold, pause
        self.words = [n for n, label in enumerate(labels) if label[0] != "_"]
        self._last, self._since = None, pause

    def feed(self, posteriors):
        """Returns `(frame, label id, score)` of each word in the next frames."""
        scores = posteriors[:, self.words]
        # In double precision, as the page's detector compares.
        above = scores >= np.float64(self.threshold)
        frames = np.flatnonzero(above.any(axis=1))
        best = scores[frames].argmax(axis=1)
        detections, seen, since = [], 0, self._since
        for frame, word in zip(frames.tolist(), best.tolist(), strict=True):
            if since + frame + 1 <= self.pause:
                continue
            if word == self._last and above[seen : frame + 1, word].all():
                seen = frame
                continue
            detections.append((frame, self.words[word], float(scores[frame, word])))
            self._last, seen, since = word, frame, -(frame + 1)
        if self._last is not None and not above[seen:, self._last].all():
            self._last = None
        self._since = since + len(scores)
        return detections
