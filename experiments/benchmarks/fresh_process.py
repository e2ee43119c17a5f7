"""Runs a measurement in a fresh process, so that nothing else is in its memory."""

import json
import subprocess
import sys

from apps.common.portable.terminal import last_line


def measured_in_fresh_process(module, *words):
    """Returns the JSON that `python -m module words` prints last.

    Raises:
        ValueError: If the process fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)], capture_output=True, text=True
    )
    if done.returncode:
        raise ValueError(
            f"The measurement {module} {' '.join(map(str, words))} failed: "
            f"{last_line(done.stderr)}"
        )
    return json.loads(last_line(done.stdout))
