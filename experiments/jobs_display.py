"""Shows what commands that run side by side print."""

import shutil
import sys
import threading
import time
from collections import deque
from contextlib import ExitStack

from apps.common.portable.progress import duration

KEPT = 20  # last lines of a command, printed if it fails
SHOWN = 26  # maximum number of characters of a command's last line


def print_line(name, text, file=None):
    """Prints a line, which has its line feed, after a name."""
    print(f"[{name}] {text}", end="", file=file, flush=True)


class JobsDisplay:
    """Prints the lines of commands with their names; in a terminal, one moving line.

    A context manager; its methods may be called from several threads.

    Args:
        count: Number of commands.
        log: File for the lines where standard error is a terminal, which then shows
            one line of progress; None prints the lines there as well.
    """

    def __init__(self, count, log=None):
        self._count, self._done, self._size = count, 0, 0
        self._log = log if log and sys.stderr.isatty() else None
        self._last, self._lock, self._files = {}, threading.Lock(), ExitStack()
        self._began = time.monotonic()

    def __enter__(self):
        """Opens the log, and says where it is."""
        if self._log:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            file = open(self._log, "w", encoding="utf-8")  # closed by the stack
            self._file = self._files.enter_context(file)
            print(f"What they print: {self._log}", flush=True)
        return self

    def __exit__(self, *exception):
        """Removes the moving line, and closes the log."""
        self._clear()
        self._files.close()

    def line(self, name, text):
        """Shows a line that a command printed.

        Args:
            name: Name of the command.
            text: The line, with its line feed.
        """
        with self._lock:
            if not self._log:
                print_line(name, text)
                return
            self._last.setdefault(name, deque(maxlen=KEPT)).append(text)
            print_line(name, text, self._file)

    def end(self, name, code, seconds):
        """Says that a command has ended; of a failed one also its last lines.

        Args:
            name: Name of the command.
            code: Its exit code.
            seconds: How long it ran.
        """
        with self._lock:
            self._done += 1
            last = self._last.pop(name, ())
            self._clear()
            if code:
                for text in last:
                    print_line(name, text)
            how = f"failed with code {code}" if code else "done"
            print(f"[{name}] {how} in {duration(seconds)}", flush=True)

    def tick(self):
        """Renews the moving line."""
        if not self._log:
            return
        with self._lock:
            parts = [
                f"{self._done} of {self._count} done",
                duration(time.monotonic() - self._began),
                *(
                    f"{name}: {lines[-1].partition(': ')[0].strip()[:SHOWN]}"
                    for name, lines in self._last.items()
                ),
            ]
            text = "  ".join(parts)[: shutil.get_terminal_size().columns - 1]
            print(f"\r{text:<{self._size}}", end="", file=sys.stderr, flush=True)
            self._size = len(text)

    def _clear(self):
        if self._size:
            print(f"\r{'':<{self._size}}\r", end="", file=sys.stderr, flush=True)
        self._size = 0
