"""Runs JavaScript of the page with Node.js, where a test needs no browser."""

import json
import shutil
import subprocess

import pytest

from tests.serving.web_fixtures import SHARED, WEB

NODE = shutil.which("node")
# Returns the tokens of texts, each with its start and end.
LOCATED = """async (load, texts) => {
    const { locatedTokens } = await load("local/tokens.js");
    return texts.map((text) => {
      const { tokens, starts, ends } = locatedTokens(text);
      return tokens.map((token, n) => [token, starts[n], ends[n]]); }); }"""
needs_node = pytest.mark.skipif(NODE is None, reason="no node in PATH")


def run_node(directory, script, argument=None):
    """Runs an asynchronous JavaScript function; returns what it returns.

    Args:
        directory: An empty directory, or one that an earlier call has filled. The page
            is copied into it, since Node.js reads its modules only from a package.
        script: The function's text. It is called with a function that imports a file of
            the page, and with the argument.
        argument: A value that JSON can hold.
    """
    if not (directory / "package.json").exists():
        shutil.copytree(WEB, directory, dirs_exist_ok=True)
        shutil.copytree(SHARED, directory, dirs_exist_ok=True)
        (directory / "package.json").write_text('{"type": "module"}')
    (directory / "argument.json").write_text(json.dumps(argument))
    program = (
        'import { readFileSync, writeFileSync } from "node:fs";\n'
        "const load = (name) => import(`./${name}`);\n"
        'const argument = JSON.parse(readFileSync("argument.json", "utf8"));\n'
        f"const answer = await ({script})(load, argument);\n"
        'writeFileSync("answer.json", JSON.stringify(answer));\n'
    )
    (directory / "program.js").write_text(program)
    done = subprocess.run(
        [NODE, "program.js"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((directory / "answer.json").read_text())
