"""Breaks the product on purpose, one small change at a time, and shows what notices.

    python -m tests.mutants             # every change
    python -m tests.mutants page-       # those whose names contain a text

The changes stand in the YAML files beside this one. Each is made in a copy of the
repository, where the tests that should notice it are run: it is killed by the first
that fails, or it is alive. Before that all these tests pass in a copy without changes.

A change has a `name`; a `file`; `search`, a text that the file has exactly once, and
what to `replace` it by; the `tests`, as pytest takes them; and the `reason`: how it
would hurt a user.
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
MOST_SECONDS = 180  # a test that runs longer under a change has noticed it
FAILED, PASSED = 1, 0  # exit codes of pytest
ALIVE, BROKEN = "ALIVE", "BROKEN"


@dataclass(frozen=True)
class Mutant:
    """One change; the module says what the attributes are."""

    name: str
    file: str
    search: str
    replace: str
    tests: list
    reason: str


def load(directory=LISTS, root=ROOT):
    """Returns the mutants of all lists in a directory.

    Raises:
        ValueError: If one does not fit the code in `root`, or a name comes twice.
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
    """Copies the files of a repository that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (root / name).exists():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, directory / name)
    return directory


def run_tests(tests, directory, most_seconds=None):
    """Returns pytest's exit code and what it says; None if it takes too long."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=line"]
    command += ["-rfE", "-p", "no:cacheprovider", "-p", "no:schemathesis", *tests]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        ended = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=most_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return ended.returncode, ended.stdout + ended.stderr


def try_out(mutant, directory):
    """Makes a change in a copy, runs its tests, and takes it back.

    Returns:
        The test that killed it, `ALIVE`, or `BROKEN` and why the tests did not run.
    """
    path = Path(directory, mutant.file)
    before, times = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(before.replace(mutant.search, mutant.replace), encoding="utf-8")
    try:
        code, output = run_tests(mutant.tests, directory, MOST_SECONDS)
    finally:
        path.write_text(before, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    if code is None:
        return f"no end after {MOST_SECONDS} s"
    if code == PASSED:
        return ALIVE
    failed = re.search(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", output, re.MULTILINE)
    if code == FAILED and failed:
        return failed[1]
    lines = output.strip().splitlines() or ["no message"]
    return f"{BROKEN}: pytest ended with {code}: {lines[-1]}"


def check_all(mutants, root=ROOT, say=print):
    """Tries mutants out, as many at once as there are cores, and prints a table.

    Returns:
        The outcome by name, as `try_out` returns it.

    Raises:
        ValueError: If a test fails without any change.
    """
    count = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as scratch:
        copies, free = [], queue.SimpleQueue()
        for number in range(count):
            (directory := Path(scratch, str(number))).mkdir()
            copies.append(copy_of(root, directory))
            free.put(copies[-1])
        _check_tests(mutants, copies[0], count)

        def tried(mutant):
            directory, began = free.get(), time.perf_counter()
            try:
                return try_out(mutant, directory), time.perf_counter() - began
            finally:
                free.put(directory)

        outcomes = {}
        with ThreadPoolExecutor(count) as pool:
            results = zip(mutants, pool.map(tried, mutants), strict=True)
            for mutant, (outcome, seconds) in results:
                outcomes[mutant.name] = outcome
                say(f"{mutant.name:58} {seconds:4.0f} s  {outcome}")
                if outcome == ALIVE:
                    say(f"{'':66} {mutant.reason}")
    return outcomes


def _check_tests(mutants, directory, count):
    """Raises if the tests fail without any change."""
    plain, chosen = set(), set()
    for mutant in mutants:
        if "-k" in mutant.tests:  # a choice holds for the tests beside it
            chosen.add(tuple(mutant.tests))
        else:
            plain |= set(mutant.tests)
    at_once = [["-n", str(count), *sorted(plain)]] if plain else []
    for tests in [*at_once, *map(list, sorted(chosen))]:
        code, output = run_tests(tests, directory)
        if code != PASSED:
            raise ValueError(
                "The tests should pass before anything is changed. Received:\n"
                + output[-2000:]
            )


def main(arguments=None):
    """Runs the command line; the exit code is 1 if a mutant is not killed."""
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
    left = [n for n, outcome in outcomes.items() if outcome.startswith((ALIVE, BROKEN))]
    print(f"{len(outcomes) - len(left)} of {len(outcomes)} killed.")
    for name in left:
        print(f"Not killed: {name}")
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
