"""Drops TensorFlow's harmless log messages from standard error, and only those.

TensorFlow 2.21 writes messages from C++ before it reads TF_CPP_MIN_LOG_LEVEL, and
others whatever it reads there. So the file descriptor 2 of a command becomes a pipe to
a process that runs this file as a script: it drops the lines of `HARMLESS` and passes
all others on at once. Python's own `sys.stderr` still writes where it wrote before, and
a command that crashes loses no message, since the other process outlives it.
"""

import atexit
import io
import logging
import os
import re
import select
import subprocess
import sys

MODULE = "tensorflow"  # the filter starts when a command imports it
PATIENCE_S = 0.1  # maximum time that a line without its end is held back
CHUNK = 2**16  # bytes
HEADER = rb"(%s\d{4} [\d:.]+ +\d+ |\d{4}-\d\d-\d\d [\d:.]+: %s \S*?)"
# Sources of warnings and errors that say nothing about a run's results.
SOURCES = (
    "assert_op",  # XLA leaves out assertions
    "computation_placer",  # already registered
    "cpu_allocator_impl",  # an allocation exceeds 10% of free memory
    "cuda_(blas|dnn|executor|fft)",  # factories already registered; NUMA nodes
    "op_level_cost_estimator",
    "type_inference",  # "invalid graph": of optional values in loops
)
HARMLESS = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|"
    + (HEADER % (b"I", b"I"))
    + rb"[\w.]+:\d+\] |"
    + (HEADER % (b"[WE]", b"[WE]"))
    + rb"((%s)\.cc:\d+\] |" % "|".join(SOURCES).encode()
    + rb"[\w.]+:\d+\] (failed call to cuInit|oneDNN supports DT_BOOL only))"
)
# Further lines of a message of `type_inference.cc`: types, and where they stand.
CONTINUED = re.compile(
    rb"goo\.gle/debug|type_id: |args \{|  +(type_id: |args \{|\}|s: )|\}$|$|"
    rb" is neither a subtype|\t(for Tuple type|while inferring type)"
)
LONG = re.compile(rb".*type_inference\.cc:\d+\] ")
RETRACING = "triggered tf.function retracing"  # a matter of seconds, not of results


def quieten_command():
    """Starts the filter as soon as this command imports TensorFlow.

    Does nothing in a process that was not started by `python -m`, where others may own
    standard error, or if CAROUSEL_DEBUG is set. Packages with command lines call it
    before they import anything else; only one of several calls has an effect.
    """
    locating = sys.argv[:1] == ["-m"]  # Python sets it until it has found the module
    if not locating or os.environ.get("CAROUSEL_DEBUG"):
        return
    if not any(isinstance(finder, _Watcher) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watcher())


class _Watcher:
    """A finder of modules that finds none; it starts the filter before TensorFlow."""

    def __init__(self):
        self._started = False

    def find_spec(self, name, path=None, target=None):
        """Returns None, for the other finders to find the module."""
        if name == MODULE and not self._started:
            self._started = True
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            logging.getLogger(MODULE).addFilter(_is_worth_saying)
            if os.name == "posix" and sys.stderr is sys.__stderr__:
                start_filter()


def _is_worth_saying(record):
    return RETRACING not in str(record.msg)


def start_filter():
    """Filters what this process and its children write to the file descriptor 2."""
    original = os.dup(2)  # which children do not inherit
    read, write = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=read,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C must not end it before its command
        )
    except OSError:  # as loud as without a filter
        for descriptor in (original, read, write):
            os.close(descriptor)
        return
    sys.stderr.flush()
    os.dup2(write, 2)
    os.close(read)
    os.close(write)
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(
        os.fdopen(original, "wb", buffering=0),
        encoding=sys.stderr.encoding,
        errors=sys.stderr.errors,
        write_through=True,
    )
    atexit.register(_stop, process)


def _stop(process):
    """Restores the file descriptor 2 and waits until all is written."""
    os.dup2(sys.stderr.fileno(), 2)
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:  # a child still writes, and keeps the filter
        process.returncode = 0  # no ResourceWarning


def main():
    """Copies lines from standard input to standard error, without harmless ones."""
    keep, rest, begun = Filter(), b"", False
    while True:
        waiting = rest and not begun
        if waiting and not select.select([0], [], [], PATIENCE_S)[0]:
            _write(rest)
            rest, begun = b"", True
        if not (chunk := os.read(0, CHUNK)):
            break
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if begun or keep(line):
                _write(line + b"\n")
            begun = False
        if begun and rest:
            _write(rest)
            rest = b""
    _write(rest)


class Filter:
    """Says of each line, in their order, whether it is passed on."""

    def __init__(self):
        self._continued = False

    def __call__(self, line):
        """Returns whether a line, bytes without its end, is passed on."""
        if HARMLESS.match(line):
            self._continued = bool(LONG.match(line))
            return False
        self._continued = self._continued and bool(CONTINUED.match(line))
        return not self._continued


def _write(content):
    """Writes bytes to standard error; if nobody reads it, they are lost there."""
    try:
        while content:
            content = content[os.write(2, content) :]
    except OSError:
        pass  # the command must not wait for a pipe that nobody empties


if __name__ == "__main__":
    main()
