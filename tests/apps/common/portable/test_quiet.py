"""A command shows none of TensorFlow's harmless messages, and every other one."""

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from apps.common.portable.quiet import Filter

ROOT = Path(__file__).parents[4]
GLOG = "0000 00:00:1796014101.265270   26947 "
TYPES = """type_inference.cc:340] Type inference failed. This indicates an invalid graph
goo.gle/debugstr
type_id: TFT_OPTIONAL
args {
  type_id: TFT_PRODUCT
  args {
    type_id: TFT_TENSOR
  }
}
 is neither a subtype nor a supertype of the combined inputs preceding it:
type_id: TFT_OPTIONAL

\tfor Tuple type infernce function 0
\twhile inferring type of node 'lstm/while'"""
HARMLESS = [
    "WARNING: All log messages before absl::InitializeLog() is called are written",
    f"I{GLOG}port.cc:153] oneDNN custom operations are on.",
    f"I{GLOG}cudart_stub.cc:31] Could not find cuda drivers on your machine",
    f"E{GLOG}cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error",
    f"E{GLOG}util.cc:131] oneDNN supports DT_BOOL only on platforms with AVX-512",
    f"W{GLOG}computation_placer.cc:177] computation placer already registered.",
    f"E{GLOG}cuda_dnn.cc:8579] Unable to register cuDNN factory",
    "2026-11-30 04:44:59.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] "
    "This TensorFlow binary is optimized to use available CPU instructions",
    "2026-11-30 04:44:59.123456: W external/local_tsl/tsl/framework/"
    "cpu_allocator_impl.cc:83] Allocation of 8 exceeds 10% of free system memory.",
]
SERIOUS = [
    f"F{GLOG}tensor.cc:853] Check failed: dtype() == expected_dtype",
    f"E{GLOG}cuda_driver.cc:1] could not allocate device memory",
    f"W{GLOG}gpu_device.cc:2342] Cannot dlopen some GPU libraries.",
    "2026-11-30 04:44:59.1: E tensorflow/core/util.cc:1] disk error",
    "Segmentation fault",
    "type_id: of no message",
    "ERROR: pip found no version",
    "I have something to say",
    "",
]
COMMAND = """
import os, sys, subprocess, warnings
import tensorflow
def native(text): os.write(2, text.encode())
{}
"""


@pytest.mark.parametrize("line", HARMLESS)
def test_a_harmless_message_is_dropped(line):
    assert not Filter()(line.encode())


@pytest.mark.parametrize("line", SERIOUS)
def test_any_other_message_is_passed_on(line):
    assert Filter()(line.encode())


def test_a_message_of_many_lines_ends_with_the_first_that_is_not_its_own():
    keep = Filter()
    lines = [*f"W{GLOG}{TYPES}".split("\n"), "Error: a real one", "args {", "}"]
    assert [line for line in lines if keep(line.encode())] == lines[-3:]


@pytest.fixture
def command(tmp_path):
    """Starts a command that imports a noisy TensorFlow and runs some lines."""
    noise = "\n".join([*HARMLESS, f"W{GLOG}{TYPES}"]) + "\n"
    (tmp_path / "tensorflow.py").write_text(
        f"import os\nos.write(2, {noise!r}.encode())\n"
    )
    package = tmp_path / "noisy"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import apps.common.portable.quiet as q\nq.quieten_command()\n"
    )

    def start(lines, debug="", **how):
        (package / "command.py").write_text(COMMAND.format(lines))
        path = os.pathsep.join(map(str, (tmp_path, ROOT)))
        env = {**os.environ, "PYTHONPATH": path, "CAROUSEL_DEBUG": debug}
        return subprocess.Popen([sys.executable, "-m", "noisy.command"], env=env, **how)

    return start


def errors_of(process):
    _, errors = process.communicate()
    return errors.decode()


def test_what_a_command_and_its_children_write_is_kept_without_the_noise(command):
    process = command(
        f"""
for line in {SERIOUS!r}: native(line + "\\n")
native("half a line")
print("one of Python's", file=sys.stderr)
native(" and its end\\n")
warnings.warn("a warning")
child = "import os; os.write(2, b'I{GLOG}port.cc:1] noise\\\\na child\\\\n')"
subprocess.run([sys.executable, "-S", "-c", child])
raise ValueError("the last words")
""",
        stderr=subprocess.PIPE,
    )
    lines = errors_of(process).split("\n")
    assert process.returncode == 1
    for line in (*SERIOUS, "a child", "ValueError: the last words"):
        assert line in lines
    everything = "\n".join(lines)
    for part in ("half a line", " and its end", "one of Python's", "a warning"):
        assert part in everything
    assert not [line for line in lines if "noise" in line or line in HARMLESS]
    assert "TFT" not in everything


def test_a_command_that_crashes_loses_no_message(command):
    process = command('native("F the reason\\n"); os.abort()', stderr=subprocess.PIPE)
    assert "F the reason\n" in errors_of(process)
    assert process.returncode == -6


def test_the_noise_is_shown_for_debugging(command):
    process = command("", debug="1", stderr=subprocess.PIPE)
    assert HARMLESS[0] in errors_of(process)


def test_text_without_a_line_end_is_not_held_back(command):
    process = command(
        'native("waiting"); sys.stdin.read()',
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    shown, *_ = select.select([process.stderr], [], [], 5)
    assert errors_of(process) == "waiting"
    assert shown


def test_standard_error_is_still_a_terminal(command):
    ours, theirs = pty.openpty()
    process = command("print(sys.stderr.isatty(), file=sys.stderr)", stderr=theirs)
    process.wait()
    os.close(theirs)
    assert os.read(ours, 1000).decode().split() == ["True"]
    os.close(ours)
