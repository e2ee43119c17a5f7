"""The wheel: it installs `lstm_layer` and nothing else."""

import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
USER_PROGRAM = """
import sys
import keras
import numpy as np
import apps
import lstm_layer

folder, repository = sys.argv[1:]
assert repository not in sys.path, sys.path
assert lstm_layer.__file__.startswith(folder), lstm_layer.__file__
assert apps.OWNER == "the user"
layer = lstm_layer.LSTM(3)
model = keras.Sequential([keras.Input((4, 2)), layer, keras.layers.Dense(1)])
model.compile("sgd", "mse")
before = model.get_weights()
model.train_on_batch(np.ones((5, 4, 2)), np.ones((5, 1)))
assert layer.uses_kernel
assert all(np.any(w != b) for w, b in zip(model.get_weights(), before, strict=True))
"""

pytestmark = pytest.mark.long


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Builds the wheel from a copy: setuptools writes into the source folder."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("apps", "experiments", "lstm_layer", "serving"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(built), str(source))
    (path,) = built.iterdir()
    return path


@pytest.fixture
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_the_wheel_contains_the_layer_and_its_metadata_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    modules = {f"lstm_layer/{path.name}" for path in (ROOT / "lstm_layer").glob("*.py")}
    others = {name for name in names if ".dist-info/" not in name}
    assert others - {"lstm_layer/README.md"} == modules
    assert {name.split("/")[0].split("-")[0] for name in names} == {
        "lstm_layer",
        "carousel_lstm",
    }
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_wheel_requires_ranges_that_hold_the_pinned_versions(metadata):
    names = ("requirements.txt", "requirements-runtime.txt")
    lines = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)
    pins = [line.split("#")[0].strip().split("==") for line in lines.splitlines()]
    pinned = dict(pin for pin in pins if len(pin) == 2)
    required = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    assert {one.name for one in required} == {"keras", "numpy", "tensorflow"}
    for one in required:
        assert pinned[one.name] in one.specifier
        assert "==" not in str(one.specifier)


def test_the_description_for_the_index_shows_how_to_install_and_swap(metadata):
    text = metadata.get_payload()
    assert metadata["Name"] == "carousel-lstm"
    assert "pip install" in text
    assert "swap(ours, to=keras.layers.LSTM)" in text


def test_the_installed_layer_trains_beside_a_package_of_the_user_called_apps(
    wheel, tmp_path
):
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "__init__.py").write_text('OWNER = "the user"\n')
    pip("install", "--no-deps", "--target", str(tmp_path), str(wheel))
    environment = {k: v for k, v in os.environ.items() if k != "CAROUSEL_XLA"}
    environment.pop("PYTHONPATH", None)
    outcome = subprocess.run(
        [sys.executable, "-c", USER_PROGRAM, str(tmp_path), str(ROOT)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stderr
