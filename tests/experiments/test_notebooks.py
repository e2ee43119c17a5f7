"""The notebooks of docs/notebooks: they run, and so do the solutions."""

import os
import re
import subprocess
import sys

import nbformat
import pytest

from experiments import notebooks
from experiments.tables import ROOT

NAMES = notebooks.names()
SHORT = ("01_the_cell_by_hand", "03_look_inside")
SETUP = re.compile(r"# %%\n(# Run this cell first\..*?)\n\n# %%", re.DOTALL)
STUBS = {  # what the first cell imports; -S hides what is installed
    "tensorflow.py": "",
    "absl/logging.py": "def set_verbosity(level): pass",
    "pip/__init__.py": "",
    "pip/__main__.py": "import sys; open('installed', 'w').write(repr(sys.argv[1:]))",
}


def _marks(name):
    return (pytest.mark.long, *([pytest.mark.slow] if name in SHORT else []))


@pytest.mark.parametrize("name", [pytest.param(n, marks=_marks(n)) for n in NAMES])
def test_a_notebook_and_its_solutions_run_and_write_nothing_beside_them(name, tmp_path):
    before = os.listdir(notebooks.SOURCES)
    notebook, _ = notebooks.read(name)
    notebooks.run(notebook, tmp_path)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    shown = {kind for out in outputs for kind in out.get("data", ())}
    assert ("image/png" in shown) == (name != "06_out_of_the_notebook")
    warnings = [out.text for out in outputs if out.get("name") == "stderr"]
    assert [text for text in warnings if re.search("warn|tensorflow", text, re.I)] == []
    assert os.listdir(notebooks.SOURCES) == before


def test_there_are_six_notebooks_each_with_solutions():
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05", "06"]
    assert sorted(path.stem for path in notebooks.SOLUTIONS.glob("*.py")) == NAMES
    assert set(SHORT) < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_ends_with_three_exercises_and_each_is_solved(name):
    text = (notebooks.SOURCES / f"{name}.py").read_text("utf-8")
    exercises = text.partition("# ## Exercises\n")[2]
    assert re.findall(r"^# (\d)\. ", exercises, re.M) == ["1", "2", "3"]
    assert exercises.endswith(f"# Solutions: `docs/notebooks/solutions/{name}.py`.\n")
    solutions = (notebooks.SOLUTIONS / f"{name}.py").read_text("utf-8")
    assert re.findall(r"^# \*\*(\d)\.\*\*", solutions, re.M) == ["1", "2", "3"]


def test_the_first_cell_is_the_same_in_all_notebooks():
    cells = {_first_cell(name) for name in NAMES}
    assert len(cells) == 1


def _first_cell(name):
    return SETUP.search((notebooks.SOURCES / f"{name}.py").read_text("utf-8"))[1]


@pytest.fixture
def outside(tmp_path):
    """Runs the first cell in a folder, with an address; returns the process."""
    for name, content in STUBS.items():
        path = tmp_path / "stubs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def run(folder, address=""):
        cell = _first_cell(NAMES[0]).replace(
            'REPOSITORY = ""', f"REPOSITORY = {address!r}"
        )
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "stubs")}
        command = [
            sys.executable,
            "-S",
            "-c",
            f"{cell}\nprint(root)\nimport lstm_layer",
        ]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True
        )

    return run


@pytest.fixture
def repository(tmp_path):
    """A git repository with what the first cell looks for."""
    root = tmp_path / "repository"
    for name in ("lstm_layer/__init__.py", "lstm_layer/step.py", "docs/a.py",
                 "experiments/__init__.py", "requirements.txt"):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "a"], check=True)
    return root


def test_outside_the_repository_the_first_cell_clones_it_and_installs(
    outside, repository, tmp_path
):
    (folder := tmp_path / "elsewhere").mkdir()
    for _ in range(2):  # the second time it takes the clone that is there
        process = outside(folder, repository.as_uri())
        assert process.returncode == 0, process.stderr
        assert process.stdout.splitlines()[-1] == str(folder / "carousel")
    installed = (folder / "installed").read_text()
    requirements = str(folder / "carousel" / "requirements.txt")
    assert installed == repr(["install", "--quiet", "-r", requirements])


def test_inside_the_repository_the_first_cell_clones_nothing(outside, repository):
    process = outside(repository / "docs")
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[-1] == str(repository)
    assert not (repository / "docs" / "carousel").exists()


def test_outside_the_repository_the_first_cell_asks_for_an_address(outside, tmp_path):
    (folder := tmp_path / "elsewhere").mkdir()
    process = outside(folder)
    assert process.stderr.splitlines()[-1] == (
        "ValueError: REPOSITORY: expected an address for `git clone`."
    )


def test_the_command_writes_notebooks_and_solved_notebooks(tmp_path, capsys):
    address = "https://example.org/carousel.git"
    arguments = ["02", "--no-run", "--directory", str(tmp_path / "out")]
    notebooks.main([*arguments, "--repository", address])
    assert capsys.readouterr().out == f"{tmp_path / 'out/02_gradients'}.ipynb\n"
    plain, solved = (
        nbformat.read(tmp_path / "out" / f"02_gradients{end}.ipynb", 4)
        for end in ("", "_solved")
    )
    nbformat.validate(solved)
    texts = [cell.source for cell in plain.cells]
    assert texts == [cell.source for cell in solved.cells[: len(texts)]]
    assert "## Exercises" in texts[-1]
    assert solved.cells[len(texts)].source.startswith("## Solutions")
    assert f"REPOSITORY = {address!r}" in texts[1]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "02_gradients.ipynb",
        "02_gradients_solved.ipynb",
    ]


def test_a_cell_that_fails_stands_with_its_error_in_the_file(tmp_path, monkeypatch):
    for folder in ("", "solutions"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "01_a.py").write_text("# %%\nfine = 1\n\n# %%\nwrong\n")
    monkeypatch.setattr(notebooks, "SOURCES", tmp_path)
    monkeypatch.setattr(notebooks, "SOLUTIONS", tmp_path / "solutions")
    with pytest.raises(Exception, match="name 'wrong' is not defined"):
        notebooks.main(["--directory", str(tmp_path)])
    cells = nbformat.read(tmp_path / "01_a.ipynb", 4).cells
    assert [out.ename for cell in cells for out in cell.outputs] == ["NameError"]


def test_an_unknown_notebook_is_refused():
    assert notebooks.chosen(["02", "05"]) == [NAMES[1], NAMES[4]]
    assert notebooks.chosen([]) == NAMES
    with pytest.raises(ValueError, match=r"^'07': no notebook begins with it\."):
        notebooks.chosen(["02", "07"])


def test_a_missing_package_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "find_spec", lambda name: name != "nbclient")
    with pytest.raises(SystemExit):
        notebooks.main(["--directory", str(tmp_path / "out")])
    assert capsys.readouterr().err == (
        "Error: The notebooks need nbclient: "
        "pip install -r requirements-notebooks.txt\n"
    )
    assert not (tmp_path / "out").exists()


def test_git_ignores_what_the_command_writes():
    for path in ("notebooks/01.ipynb", "notebooks/runs/a", "docs/notebooks/01.ipynb"):
        command = ["git", "-C", str(ROOT), "check-ignore", "-q", path]
        assert subprocess.run(command).returncode == 0, path
