"""The program in docs/onnx.md runs as it is printed."""

import ast
import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "onnx.md"


def test_the_program_on_the_page_runs_as_printed(finished_run, tmp_path, monkeypatch):
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    (run,) = re.findall(r'"(runs/sentiment/\w+/seed-1)/export/', program)
    (tmp_path / run).parent.mkdir(parents=True)
    (tmp_path / run).symlink_to(finished_run)
    monkeypatch.chdir(tmp_path)
    *lines, last = ast.parse(program).body
    names = {}
    exec(compile(ast.Module(lines, []), str(PAGE), "exec"), names)
    answer = eval(compile(ast.Expression(last.value), str(PAGE), "eval"), names)
    printed = re.search(r"# (\{.*\})", program)[1]
    assert list(answer) == re.findall(r'"(\w+)":', printed)
    labels = (finished_run / "labels.txt").read_bytes().split()
    assert len(answer["label"]) == 2
    assert set(answer["label"]) <= set(labels)
    np.testing.assert_allclose(answer["probabilities"].sum(axis=1), 1, rtol=1e-6)
