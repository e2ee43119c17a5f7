"""A full disk: an error of one line, exit code 1, and finished files are kept."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.faults.killing import ROOT, content, run

pytestmark = pytest.mark.slow

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
MAY_MOUNT = (
    shutil.which("unshare") is not None
    and subprocess.run(
        [*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True,
        check=False,
    ).returncode
    == 0
)
COMMAND = """
import os
os.chdir({where!r})
from experiments.run import main
from experiments.sentiment import TASK
main(TASK, {words!r})
"""


@pytest.fixture
def trained(trained_run, tmp_path):
    """A copy of a run that is trained but not evaluated."""
    shutil.copytree(trained_run, tmp_path / "run")
    return tmp_path / "run"


def has_no_export(run):
    """Returns whether the run has no export, neither complete nor incomplete."""
    return not list((run / "export" / "sentiment").iterdir())


@pytest.mark.parametrize("verb", ["evaluate", "export"])
def test_where_files_may_not_grow_a_verb_writes_none_and_then_works(verb, trained):
    """A resource limit refuses files of more than 20 kB."""
    before = content(trained)
    words = ["files", verb, f"run_directory={trained}"]
    command = COMMAND.format(where=str(trained.parent), words=words)
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (20000,) * 2)\n"
    process = run(limit + command)
    assert process.returncode == 1, process.stderr
    message = process.stderr.strip().splitlines()[-1]
    assert message.startswith("Error: ")
    assert "File too large" in message
    assert "Traceback" not in process.stderr
    after = content(trained)
    assert {name: after[name] for name in before} == before
    assert "metrics.json" not in after
    assert verb == "evaluate" or has_no_export(trained)
    assert not [name for name in after if name.split("/")[-1].startswith(".")]
    assert run(command).returncode == 0
    made = {"evaluate": "metrics.json", "export": "export/sentiment/1/saved_model.pb"}
    assert made[verb] in content(trained)


IN_FULL_DISK = """
import json, os, shutil, subprocess, sys
small, command = sys.argv[1:3]
ended = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
left = {}
for folder, _, names in os.walk(small):
    for name in names:
        path = os.path.join(folder, name)
        left[os.path.relpath(path, small)] = os.path.getsize(path)
print(json.dumps([ended.returncode, ended.stderr, left]))
"""


@pytest.mark.skipif(not MAY_MOUNT, reason="this user may not mount a file system")
def test_training_on_a_file_system_that_is_full_is_one_line_and_leaves_no_half_file(
    reviews_csv, tmp_path
):
    """The run directory is on a file system of 200 kB; a checkpoint needs more."""
    small = tmp_path / "small"
    small.mkdir()
    words = ["files", "train", f"data.file={reviews_csv}", "model.units=32"]
    words += ["data.vectors=random", "train.epochs=1", f"run_directory={small}/run"]
    command = COMMAND.format(where=str(tmp_path), words=words)
    script = 'mount -t tmpfs -o size=200k none "$1" && exec "$2" -c "$3" "$1" "$4"'
    arguments = [small, sys.executable, IN_FULL_DISK, command]
    output = subprocess.run(
        [*NAMESPACE, "sh", "-c", script, "sh", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).stdout
    code, stderr, left = json.loads(output)
    assert code == 1, stderr
    assert (
        stderr.strip().splitlines()[-1] == "Error: [Errno 28] No space left on device"
    )
    assert "Traceback" not in stderr
    files = {name for name in left if "/logs/" not in name}
    assert "run/config.yaml" in files
    assert not files & {"run/checkpoint.npz", "run/model.keras", "run/history.csv"}
    assert not [name for name in files if "/." in name]
