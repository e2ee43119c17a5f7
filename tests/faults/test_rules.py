"""Calls that the code must not contain, by its syntax trees."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for package in ("apps", "experiments", "lstm_layer", "serving")
    for path in (ROOT / package).rglob("*.py")
)
UNPICKLING = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
# Calls by their last two names, and the argument that makes each safe.
SAFE_WITH = {"models.load_model": ("safe_mode", True)}
NEVER = {
    "yaml.load": "yaml.safe_load reads values and builds no objects",
    "yaml.unsafe_load": "yaml.safe_load",
    "yaml.full_load": "yaml.safe_load",
    "time.time": "time.monotonic does not go backwards",
    "config.enable_unsafe_deserialization": "users load models of other people",
    "eval": "input is data",
    "exec": "input is data",
    "os.system": "subprocess.run with a list has no shell",
}


def calls():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ".".join(ast.unparse(node.func).split(".")[-2:])
                keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
                yield f"{path.relative_to(ROOT)}:{node.lineno}", name, keywords


def test_nothing_is_unpickled():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names]
                names.append(getattr(node, "module", None) or "")
                assert not UNPICKLING & {n.partition(".")[0] for n in names}, path
    for place, name, keywords in calls():
        assert keywords.get("allow_pickle", "False") == "False", place
        assert name not in ("pd.read_pickle", "torch.load"), place


@pytest.mark.parametrize("name", SAFE_WITH)
def test_what_is_safe_in_a_mode_only_is_called_in_that_mode(name):
    argument, value = SAFE_WITH[name]
    matches = [
        (place, keywords) for place, called, keywords in calls() if called == name
    ]
    assert matches
    for place, keywords in matches:
        assert keywords.get(argument) == str(value), place


@pytest.mark.parametrize("name", NEVER)
def test_it_is_called_nowhere(name):
    assert [place for place, called, _ in calls() if called == name] == [], NEVER[name]


def test_archives_are_unpacked_in_one_place_that_looks_at_the_names():
    files = {
        place.partition(":")[0]
        for place, name, _ in calls()
        if name.endswith((".extractall", ".extract", "shutil.unpack_archive"))
    }
    assert files == {"apps/common/data/packages.py"}


def test_no_command_goes_through_a_shell():
    for place, _, keywords in calls():
        assert keywords.get("shell", "False") == "False", place
