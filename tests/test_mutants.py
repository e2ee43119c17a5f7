"""Mutants: the lists fit the code, and the output names the test that fails."""

import subprocess

import pytest
import yaml

from tests.mutants.__main__ import ALIVE, BROKEN, check_all, load

TEST = """
from product import add, double

def test_sums():
    assert add(1, 2) == 3

def test_doubles():
    assert double(2) == 4
"""
PRODUCT = """
def add(a, b):
    return a + b

def double(x):
    return 2 * x
"""


@pytest.fixture
def repository(tmp_path):
    """Makes a repository with a module of two functions, and two tests."""
    root = tmp_path / "repository"
    (root / "tests").mkdir(parents=True)
    (root / "product.py").write_text(PRODUCT)
    (root / "tests" / "test_product.py").write_text(TEST)
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath="."\n')
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def _list(directory, **changed):
    entry = {
        "name": "sum-of-another-sign",
        "file": "product.py",
        "search": "a + b",
        "replace": "a - b",
        "tests": ["tests/test_product.py"],
        "reason": "Sums are wrong.",
        **changed,
    }
    path = directory / f"{entry['name']}.yaml"
    path.write_text(yaml.safe_dump([entry]))


def test_each_list_fits_the_code_and_covers_each_part():
    names = [mutant.name for mutant in load()]
    assert len(names) >= 60
    for part, count in {
        **dict.fromkeys(("layer", "serving"), 10),
        **dict.fromkeys(("language-modeling", "sentiment", "speech-commands"), 5),
        **dict.fromkeys(("summarization", "question-answering", "common"), 5),
        "experiments": 3,
        "page": 2,
    }.items():
        assert sum(name.startswith(f"{part}-") for name in names) >= count, part


def test_a_mutant_is_killed_by_the_test_that_fails_or_is_alive(repository, tmp_path):
    (lists := tmp_path / "lists").mkdir()
    _list(lists)
    _list(lists, name="twice-more", search="2 * x", replace="x + 2")
    _list(lists, name="no-python", search="2 * x", replace="2 *")
    lines = []
    outcomes = check_all(load(lists, repository), repository, say=lines.append)
    assert outcomes["sum-of-another-sign"] == "tests/test_product.py::test_sums"
    assert outcomes["twice-more"] == ALIVE
    assert outcomes["no-python"].startswith(BROKEN)
    assert sum("Sums are wrong." in line for line in lines) == 1  # only if alive
    assert (repository / "product.py").read_text() == PRODUCT


def test_tests_that_fail_without_a_change_show_nothing(repository, tmp_path):
    (lists := tmp_path / "lists").mkdir()
    _list(lists)
    (repository / "tests" / "test_product.py").write_text(TEST + "    assert False\n")
    with pytest.raises(ValueError, match="should pass before anything is changed"):
        check_all(load(lists, repository), repository)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"search": "a * b"}, "should have the text once. Received: 0 times 'a \\* b'"),
        ({"search": "return"}, "should have the text once. Received: 2 times"),
        ({"tests": ["tests/test_other.py::test_sums"]}, "no tests/test_other.py"),
        ({"line": 3}, "a change has the keys name, file"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(repository, tmp_path, changed, expected):
    (lists := tmp_path / "lists").mkdir()
    _list(lists, **changed)
    with pytest.raises(ValueError, match=expected):
        load(lists, repository)
