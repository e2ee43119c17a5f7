"""Words in posteriors that arrive bit by bit; NumPy alone, so that clients use it."""

from dataclasses import dataclass

import numpy as np

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


class Listener:
    """Hears words in the posteriors of a stream.

    Args:
        labels: Names of the labels; those that begin with "_" are no words.
        frame_s: Seconds from one frame to the next.
        threshold: Smoothed posterior from which a word is heard.
        smoothing_ms: Posteriors are averaged over so much time.
        pause_ms: After a word none is heard for so long, and the same one only after
            its score has fallen below the threshold.
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
        """Takes the posteriors of the next frames.

        Args:
            posteriors: float32 `(frames, labels)`; any number of frames, also none.

        Returns:
            Smoothed posteriors of the same shape, and a list of `Detection`.
        """
        smoothed = self._smooth(posteriors)
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
