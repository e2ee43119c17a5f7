"""Shows the progress of long work: a line of standard error that moves."""

import shutil
import sys
import time

INTERVAL_S = 0.1  # between two changes of the line
WIDTH = 20  # of the bar, in characters


class Progress:
    """Counts what is done, and shows it in one line of a terminal.

    It writes nothing to a file, where carriage returns would make one long line of it.

    Args:
        total: How many there are; None if nobody knows.
        unit: Name of one, such as "text"; None shows nothing.
        label: What stands before the bar.
    """

    def __init__(self, total, unit, label=""):
        self.total, self.unit, self.label, self.done = total, unit, label, 0
        self._shown = unit is not None and sys.stderr.isatty()
        self._began, self._next, self._size = time.monotonic(), 0.0, 0

    @property
    def is_due(self):
        """Whether the next call of `show` changes the line."""
        return self._shown and time.monotonic() >= self._next

    def add(self, count=1):
        """Counts more of what is done."""
        self.show(self.done + count)

    def show(self, done, values=""):
        """Shows how much is done, at most each `INTERVAL_S`.

        Args:
            done: How many are done.
            values: What stands behind the bar.
        """
        self.done = done
        if self.is_due or (self._shown and done == self.total):
            self._write(f"{self._text()}{values and '  '}{values}")
            self._next = time.monotonic() + INTERVAL_S

    def close(self, line=None):
        """Ends the line.

        Args:
            line: What replaces it, on standard output, which may be a file; None keeps
                it.
        """
        if self._size:
            if line is None:
                print(file=sys.stderr, flush=True)
            else:
                self._write("")
                print(end="\r", file=sys.stderr, flush=True)
        if line is not None:
            print(line, flush=True)
        self._size = 0

    def _text(self):
        seconds = time.monotonic() - self._began
        parts = [self.label] if self.label else []
        if self.total is None:
            return "  ".join([*parts, f"{self.done:,} {self.unit}s", duration(seconds)])
        full = WIDTH * self.done // max(self.total, 1)
        parts += [f"{self.done:,}/{self.total:,} {self.unit}s"]
        parts += [f"[{'=' * full}{' ' * (WIDTH - full)}]"]
        if self.done < self.total:
            left = seconds * (self.total - self.done) / max(self.done, 1)
            return "  ".join([*parts, f"{duration(left)} left"])
        return "  ".join([*parts, duration(seconds)])

    def _write(self, text):
        text = text[: shutil.get_terminal_size().columns - 1]  # a wrapped line stays
        print(f"\r{text:<{self._size}}", end="", file=sys.stderr, flush=True)
        self._size = len(text)


def duration(seconds):
    """Returns a duration as text.

    >>> duration(4.2), duration(75), duration(7322)
    ('4 s', '1 min 15 s', '2 h 2 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
