"""Every command of README and docs is parsed by the program that it calls."""

import argparse
import re
import runpy
import subprocess
import sys
from importlib.util import find_spec

import pytest

from experiments.request import parse
from experiments.tables import ROOT
from experiments.tasks import TASKS
from tests.docs.pages import NAMES, PROGRAMS, SHELL, Command, blocks, commands

# Programs that no test calls: why.
ELSEWHERE = {
    "cd": "changes the directory",
    "curl": "asks a server; tests/serving asks the same paths",
    "docker": "no Docker here",
    "echo": "for a cluster (data.md)",
    "export": "sets a variable",
    "git": "needs a network",
    "gsutil": "Google's storage",
    "jupyter": "a program to look at",
    "pip": "needs a network; files are checked below",
    "python3.11": "makes a virtual environment, as `make` does",
    "scp": "another machine",
    "source": "sets the shell's variables",
    "tensorboard": "a program to look at",
    "tfds": "Google's cluster",
}
NOT_OURS = ("http.server", "pip", "pytest", "venv")
COMMANDS = list(dict.fromkeys(commands()))
OF_PYTHON = [command for command in COMMANDS if command.module]


class Parsed(BaseException):
    """Ends a program after it has parsed its command line."""


@pytest.fixture
def parsed(monkeypatch):
    """Runs a module up to the end of `parse_args`, whose options it returns."""
    names = ("parse_args", "parse_intermixed_args")
    parsers = {name: getattr(argparse.ArgumentParser, name) for name in names}

    def ended_by(original):
        def parse(self, args=None, namespace=None):
            raise Parsed(original(self, args, namespace))

        return parse

    def run(module, *words):
        for name, original in parsers.items():
            monkeypatch.setattr(argparse.ArgumentParser, name, ended_by(original))
        monkeypatch.setattr(sys, "argv", [module, *words])
        # runpy warns of such a module. A package is kept: its name in the package
        # above it would afterwards mean another one, without its modules.
        package = find_spec(module).submodule_search_locations is not None
        loaded = f"{module}.__main__" if package else module
        monkeypatch.delitem(sys.modules, loaded, raising=False)
        with pytest.raises(Parsed) as ended:
            runpy.run_module(module, run_name="__main__")
        return ended.value.args[0]

    return run


@pytest.mark.parametrize("name", NAMES)
def test_every_shell_block_is_one_that_bash_can_parse(name):
    for language, code in blocks((ROOT / name).read_text(encoding="utf-8")):
        if language in SHELL:
            checked = subprocess.run(
                ["bash", "-n"], input=code, capture_output=True, text=True
            )
            assert (checked.returncode, checked.stderr) == (0, "")


def test_every_program_is_ours_or_stands_on_the_list_of_those_that_are_not_called():
    programs = {command.program for command in COMMANDS}
    assert programs - PROGRAMS == set(ELSEWHERE)


def test_every_target_of_make_exists():
    targets = set()
    for command in COMMANDS:
        if command.program == "make":
            targets |= {word for word in command.words[1:] if "=" not in word}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split()
    assert {"run", "test"} <= targets <= set(phony)
    for target in sorted(targets):
        subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True
        )


@pytest.mark.parametrize("command", OF_PYTHON, ids=str)
def test_every_command_of_python_is_one_that_its_parser_takes(command, parsed):
    if command.module in NOT_OURS:
        return
    if command.inline and len(command.words) == 3:  # names the program, no more
        assert find_spec(command.module)
        return
    if "--help" in command.words:
        with pytest.raises(SystemExit, match=r"^0$"):
            parsed(command.module, *command.words[3:])
        return
    options = parsed(command.module, *command.words[3:])
    if command.module == "experiments.launch":
        task, words = options.task, options.words
    else:
        task, words = command.module.removeprefix("experiments."), options
        words = getattr(options, "words", [])
    if task in TASKS:
        check_request(TASKS[task], words)


def check_request(task, words):
    """Checks recipe, verbs and settings of a task's command line.

    A recipe that a command is to write, such as that of `tune`, is not there.
    """
    request = parse(task, [word for word in words if not word.endswith(".yaml")])
    task.config(request.recipe, request.overrides)


def test_a_wrong_word_in_a_command_is_noticed(parsed):
    with pytest.raises(ValueError, match="no recipe, verb"):
        check_request(
            TASKS["sentiment"], parsed("experiments.sentiment", "trian").words
        )
    with pytest.raises(ValueError, match="epoch"):
        check_request(TASKS["sentiment"], ["train.epoch=2"])
    with pytest.raises(SystemExit):
        parsed("serving.server", "--prot", "8501")


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_file_of_requirements_exists(command):
    for flag, file in zip(command.words, command.words[1:], strict=False):
        if flag == "-r" and file.endswith(".txt"):
            assert (ROOT / file).exists()


def test_the_commands_without_make_are_those_of_the_makefile():
    lines = {
        target: subprocess.run(
            ["make", "--no-print-directory", "--dry-run", "--always-make", target],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for target in ("run", "test")
    }
    readme = [command for command in COMMANDS if command.page == "README.md"]
    without = [command for command in readme if command.words[0].startswith(".venv")]
    pip, run, more, test = without
    assert [command.module for command in without] == [
        *("pip", "experiments", "pip", "pytest")
    ]
    assert files(pip.words) == files(lines["run"].split())
    assert files((*pip.words, *more.words)) == files(lines["test"].split())
    assert f"{' '.join(run.words)}\n" in f"{lines['run'].strip()}\n"
    marks = '-m "not slow and not long"'
    assert " ".join(test.words[:-2]) + f" {marks}" in lines["test"]
    assert test.words[-2:] == ("-m", "not slow and not long")


def files(words):
    """Returns the files of requirements among words."""
    return {word for word in words if word.endswith(".txt")} - {"requirements.txt:"}


def test_a_command_knows_its_module():
    command = Command("p", (".venv/bin/python", "-m", "a.b", "c"))
    assert (command.program, command.module) == ("python", "a.b")
    assert Command("p", ("python3.11", "-m", "venv")).module is None
