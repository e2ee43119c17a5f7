"""Files that other tools read: Dockerfiles, citation, changelog, workflow, site."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from experiments import site_hooks

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_an_image_copies_what_there_is_and_is_sent(path):
    instructions = re.sub(r"#.*\n|\\\n", "", path.read_text()).splitlines()
    sent = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.M)
    sources = [
        source
        for line in instructions
        if line.startswith("COPY ")
        for source in line.split()[1:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert any(Path(source).match(pattern) for pattern in sent)
    (base,) = [line for line in instructions if line.startswith("FROM ")]
    minor = re.search(r"python:3\.(\d+)", base)[1]
    assert f">=3.{minor}" == PROJECT["requires-python"]


def test_the_server_starts_from_what_the_runtime_image_has(tmp_path):
    for name in ("apps", "serving"):
        (tmp_path / name).symlink_to(ROOT / name)
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "serving.server", "--help"],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert "--engine" in ended.stdout


def test_version_and_licence_are_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_badges_are_true():
    text = (ROOT / "README.md").read_text()
    badges = dict(
        re.findall(r"^!\[(.*): (.*)\]\(https://img\.shields\.io/", text, re.M)
    )
    pinned = (ROOT / "requirements.txt").read_text()
    assert badges == {
        "Python": ", ".join(pythons()),
        "TensorFlow": re.search(r"^tensorflow==(\d+\.\d+)", pinned, re.M)[1],
        "Licence": PROJECT["license"],
    }


def pythons():
    """Returns the versions of Python that the project says it is tested with."""
    language = "Programming Language :: Python :: "
    return [text.removeprefix(language) for text in PROJECT["classifiers"]]


def test_the_workflow_runs_what_ci_runs():
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    (job,) = yaml.safe_load(text)["jobs"].values()
    assert job["strategy"]["matrix"] == {"python-version": pythons()}
    assert job["steps"][-1] == {"run": ".ci/run"}
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("[the cell](../lstm_layer/cell.py)", "the cell (`lstm_layer/cell.py`)"),
        ("[`apps/x.py`](../apps/x.py)", "`apps/x.py`"),
        ("[data](data.md#alarms)", "[data](data.md#alarms)"),
        ("[home](../README.md#serving)", "home (`README.md`)"),
        ("![curve](../experiments/results/a.png)", "![curve](results/a.png)"),
    ],
)
def test_a_link_of_the_site_to_a_file_outside_is_its_path(markdown, expected):
    assert site_hooks.on_page_markdown(markdown, None, None, None) == expected


def test_each_page_of_the_layer_names_what_there_is():
    for _, objects in site_hooks.API.values():
        for name in objects:
            module, _, attribute = name.rpartition(".")
            owner = importlib.import_module(module)
            assert hasattr(owner, attribute) or importlib.import_module(name)
