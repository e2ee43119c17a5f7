"""Mutation testing: breaks the product by one small change at a time and runs tests.

    python -m tests.mutants             # every mutant
    python -m tests.mutants page-       # mutants whose names contain "page-"

The YAML files beside this file list the mutants. The command makes each change in a
copy of the repository and runs the mutant's tests there. The first test that fails
kills the mutant; if all pass, the mutant is alive. Before that, the command runs all
these tests in an unchanged copy, where they must pass.

Keys of a mutant:
    name: Its name.
    file: The file that is changed.
    search: A text that occurs exactly once in the file.
    replace: The text that replaces it.
    tests: Arguments of pytest.
    reason: How the fault would hurt a user.
"""

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from apps.common.portable.terminal import report_errors

ROOT = Path(__file__).parents[2]
LISTS = Path(__file__).parent
TIMEOUT_S = 180  # tests that run longer count as failed
FAILED, PASSED = 1, 0  # exit codes of pytest
ALIVE, BROKEN = "ALIVE", "BROKEN"


@dataclass(frozen=True)
class Mutant:
    """One change; the docstring of the module describes the attributes."""

    name: str
    file: str
    search: str
    replace: str
    tests: list
    reason: str


def load(directory=LISTS, root=ROOT):
    """Loads the mutants of all YAML files in a directory.

    Raises:
        ValueError: If a mutant does not fit the code in `root`, or a name occurs twice.
    """
    mutants = []
    for path in sorted(Path(directory).glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            keys = [field.name for field in fields(Mutant)]
            if set(entry) != set(keys):
                raise ValueError(
                    f"{path.name}: a change has the keys {', '.join(keys)}. Received: "
                    f"{', '.join(map(str, entry))}."
                )
            mutants.append(Mutant(**entry))
            _check(mutants[-1], Path(root))
    names = [mutant.name for mutant in mutants]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"These names come twice: {', '.join(sorted(twice))}.")
    return mutants


def _check(mutant, root):
    count = (root / mutant.file).read_text(encoding="utf-8").count(mutant.search)
    if count != 1:
        raise ValueError(
            f"{mutant.name}: {mutant.file} should have the text once. Received: "
            f"{count} times {mutant.search!r}."
        )
    for test in mutant.tests:
        file, *_ = test.split("::")
        if file.startswith("tests/") and not (root / file).exists():
            raise ValueError(f"{mutant.name}: there is no {file}.")


def copy_of(root, directory):
    """Copies the files of a repository that git does not ignore; returns the copy."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if (root / name).exists():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, directory / name)
    return directory


def run_tests(tests, directory, timeout_s=None):
    """Runs pytest; returns its exit code, or None after a timeout, and its output."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=line"]
    command += ["-rfE", "-p", "no:cacheprovider", "-p", "no:schemathesis", *tests]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        process = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return process.returncode, process.stdout + process.stderr


def try_out(mutant, directory):
    """Makes a change in a copy, runs the mutant's tests, and undoes the change.

    Returns:
        The test that killed the mutant, `ALIVE`, or `BROKEN` with pytest's message.
    """
    path = Path(directory, mutant.file)
    original, times = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(original.replace(mutant.search, mutant.replace), encoding="utf-8")
    try:
        code, output = run_tests(mutant.tests, directory, TIMEOUT_S)
    finally:
        path.write_text(original, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    if code is None:
        return f"no end after {TIMEOUT_S} s"
    if code == PASSED:
        return ALIVE
    failed = re.search(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", output, re.MULTILINE)
    if code == FAILED and failed:
        return failed[1]
    lines = output.strip().splitlines() or ["no message"]
    return f"{BROKEN}: pytest ended with {code}: {lines[-1]}"


def check_all(mutants, root=ROOT, say=print):
    """Runs the mutants, one process per core, and prints a table.

    Returns:
        The outcome by name, as `try_out` returns it.

    Raises:
        ValueError: If a test fails without any change.
    """
    count = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as scratch:
        copies, free_copies = [], queue.SimpleQueue()
        for number in range(count):
            (directory := Path(scratch, str(number))).mkdir()
            copies.append(copy_of(root, directory))
            free_copies.put(copies[-1])
        _check_tests(mutants, copies[0], count)

        def timed_outcome(mutant):
            directory, started = free_copies.get(), time.perf_counter()
            try:
                return try_out(mutant, directory), time.perf_counter() - started
            finally:
                free_copies.put(directory)

        outcomes = {}
        with ThreadPoolExecutor(count) as pool:
            results = zip(mutants, pool.map(timed_outcome, mutants), strict=True)
            for mutant, (outcome, seconds) in results:
                outcomes[mutant.name] = outcome
                say(f"{mutant.name:58} {seconds:4.0f} s  {outcome}")
                if outcome == ALIVE:
                    say(f"{'':66} {mutant.reason}")
    return outcomes


def _check_tests(mutants, directory, count):
    """Raises ValueError if the tests fail in an unchanged copy."""
    node_ids, selections = set(), set()
    for mutant in mutants:
        if "-k" in mutant.tests:  # -k filters only this mutant's tests
            selections.add(tuple(mutant.tests))
        else:
            node_ids |= set(mutant.tests)
    runs = [["-n", str(count), *sorted(node_ids)]] if node_ids else []
    for tests in [*runs, *map(list, sorted(selections))]:
        code, output = run_tests(tests, directory)
        if code != PASSED:
            raise ValueError(
                "The tests should pass before anything is changed. Received:\n"
                + output[-2000:]
            )


def main(arguments=None):
    """Runs the command line; exits with 1 if a mutant is not killed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("only", nargs="?", default="", help="a part of the names")
    options = parser.parse_args(arguments)
    with report_errors():
        mutants = [mutant for mutant in load() if options.only in mutant.name]
        if not mutants:
            raise ValueError(f"No change has {options.only!r} in its name.")
        outcomes = check_all(mutants)
    survivors = [
        n for n, outcome in outcomes.items() if outcome.startswith((ALIVE, BROKEN))
    ]
    print(f"{len(outcomes) - len(survivors)} of {len(outcomes)} killed.")
    for name in survivors:
        print(f"Not killed: {name}")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
