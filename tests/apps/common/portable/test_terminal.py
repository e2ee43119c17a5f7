"""A user's mistake is one line and exit code 2; a bug keeps its traceback."""

import numpy as np
import pytest

from apps.common.portable.terminal import report_errors
from tests.faults.killing import run


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("data.file: no such file."), 2, "Error: data.file: no such file."),
        (UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "odd"), 2, "Error: 'utf-8' codec"),
        (OSError(28, "No space left on device"), 1, "Error: [Errno 28] No space left"),
        (PermissionError(13, "denied", "run"), 1, "Error: [Errno 13] denied: 'run'"),
        (
            KeyboardInterrupt(),
            130,
            "Interrupted. The same command resumes training; ",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_user_can_mend_is_one_line(error, code, line, capsys):
    with pytest.raises(SystemExit) as ended, report_errors():
        raise error
    assert ended.value.code == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.strip().startswith(line)
    assert len(told.err.strip().splitlines()) == 1


@pytest.mark.parametrize("error", [TypeError("a bug"), KeyError("a bug")])
def test_a_bug_is_not_hidden(error):
    with pytest.raises(type(error), match="a bug"), report_errors():
        raise error


def test_carousel_debug_shows_the_stack_trace(monkeypatch):
    monkeypatch.setenv("CAROUSEL_DEBUG", "1")
    with pytest.raises(ValueError, match="a mistake"), report_errors():
        raise ValueError("a mistake")


def test_a_disk_that_is_full_for_tensorflow_is_one_line_as_well(tmp_path, capsys):
    import tensorflow as tf

    error = tf.errors.ResourceExhaustedError(
        None, None, "logs; No space left on device"
    )
    with pytest.raises(SystemExit) as ended, report_errors():
        raise error
    assert ended.value.code == 1


GRAPH = """Graph execution error:

Detected at node StatefulPartitionedCall defined at (most recent call last):
  File "run.py", line 21, in <module>

{}
\t [[{{{{node StatefulPartitionedCall}}}}]]
Hint: If you want to see a list of allocated tensors when OOM happens, add ...
 [Op:__inference_multi_step_on_iterator_3067]"""
OPERATION = "{{{{function_node __wrapped__Fill_device_/job:x/device:CPU:0}}}} {} [Op:F]"
TENSOR = "OOM when allocating tensor with shape[9,9] and type float"
ON = f"{TENSOR} on /job:localhost/replica:0/task:0/device:CPU:0 by allocator cpu"
XLA = "Out of memory while trying to allocate 15.20GiB."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GRAPH.format(XLA), XLA),
        (GRAPH.format(ON), f"{TENSOR}."),
        (OPERATION.format(ON), f"{TENSOR}."),
    ],
)
def test_a_batch_too_large_for_memory_is_one_line_that_says_what_to_lower(
    text, said, capsys
):
    """TensorFlow's messages: of XLA, of a graph without XLA, of an operation."""
    import tensorflow as tf

    with pytest.raises(SystemExit) as ended, report_errors():
        raise tf.errors.ResourceExhaustedError(None, None, text)
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert told.startswith(f"Error: Not enough memory: {said} Set a lower train.batch")
    assert "run_directory=" in told
    assert told.count("\n") == 1


def test_an_array_too_large_for_memory_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended, report_errors():
        np.zeros(10**15)
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "Not enough memory: Unable to allocate" in told
    assert told.count("\n") == 1


def test_a_damaged_file_of_tensorflow_is_one_line(capsys):
    import tensorflow as tf

    with pytest.raises(SystemExit) as ended, report_errors():
        raise tf.errors.DataLossError(None, None, GRAPH.format("corrupted record at 7"))
    assert ended.value.code == 1
    assert capsys.readouterr().err == "Error: corrupted record at 7.\n"


@pytest.mark.slow
def test_memory_that_the_system_refuses_to_tensorflow_is_one_line():
    """In a separate process, limited to half a gigabyte more than it has."""
    program = """
import resource
import tensorflow as tf
from apps.common.portable.terminal import report_errors
many = tf.function(lambda n: tf.zeros((n, 1_000_000)) + 1)
many(1)
size = int(open("/proc/self/status").read().split("VmSize:")[1].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (size + 2**29,) * 2)
with report_errors():
    many(tf.constant(5000))
"""
    ended = run(program)
    assert ended.returncode == 1, ended.stderr
    said = ended.stderr.strip().splitlines()[-1]
    assert said.startswith("Error: Not enough memory: OOM when allocating tensor")
    assert "Set a lower train.batch_size" in said


def test_without_an_error_nothing_is_said(capsys):
    with report_errors():
        pass
    assert capsys.readouterr() == ("", "")
