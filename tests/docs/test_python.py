"""The Python of README and docs compiles and runs; README has what its code prints."""

import ast
import contextlib
import importlib
import io

import pytest

from experiments.tables import README, ROOT
from tests.docs.pages import NAMES, blocks

CODE = [
    (name, code)
    for name in NAMES
    for language, code in blocks((ROOT / name).read_text(encoding="utf-8"))
    if language == "python"
]


@pytest.mark.parametrize(("name", "code"), CODE, ids=range(len(CODE)))
def test_every_import_of_our_packages_is_there(name, code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")


def test_the_python_of_the_readme_prints_what_stands_below_it():
    found = list(blocks(README.read_text(encoding="utf-8")))
    (code,) = (code for language, code in found if language == "python")
    (expected,) = (code for language, code in found if language == "text")
    assert sum(line.strip() != "" for line in code.splitlines()) <= 10
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue().strip() == expected.strip()


def test_the_python_of_layer_md_runs_in_one_go(tmp_path, monkeypatch):
    import keras

    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.LSTM(4)])
    model.save("model.keras")
    parts = [code for name, code in CODE if name == "docs/layer.md"]
    namespace = {}
    try:
        for part in parts:
            exec(compile(part, "docs/layer.md", "exec"), namespace)
        assert isinstance(namespace["ours"].layers[0], namespace["LSTM"])
        assert namespace["layer"].cell.units == 64
    finally:
        keras.saving.get_custom_objects().pop("mine>Coupled", None)
