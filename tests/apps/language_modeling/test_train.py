"""Training into a run directory: killed in mid-epoch and resumed, it ends the same."""

import numpy as np
import pytest

from apps.common.finished import read_history
from apps.language_modeling import train as train_module
from apps.language_modeling.config import Config, ModelConfig, TrainConfig
from apps.language_modeling.data import Windows
from apps.language_modeling.predict import Predictor
from apps.language_modeling.train import choose_softmax_dtype, train

DTYPES = ("float32", "bfloat16")


def weights_of(directory):
    return Predictor.load(directory).model.get_weights()


@pytest.fixture
def die_after(monkeypatch):
    """Makes the machine die in the first epoch, that share of it being done."""

    def patch(share):
        def cut(self, start, lengths, shard, own=Windows._cut):
            for number, window in enumerate(own(self, start, lengths, shard)):
                if (
                    self.window == 10
                    and len({*map(int, lengths)}) == 4  # in training
                    and number == int(share * self.steps)
                ):
                    raise RuntimeError("killed")
                yield window

        monkeypatch.setattr(Windows, "_cut", cut)

    return patch


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.6, 0.9], ids=str)
def test_a_run_killed_in_mid_epoch_ends_at_the_same_weights(
    language_config, language_run, tmp_path, die_after, monkeypatch, share
):
    with monkeypatch.context():
        die_after(share)
        with pytest.raises(Exception, match="killed"):
            train(language_config, tmp_path / "run")
    monkeypatch.undo()
    assert not (tmp_path / "run" / "model.keras").exists()
    before = read_history(tmp_path / "run")
    assert 0 < len(before) < len(read_history(language_run))
    train(language_config, tmp_path / "run")
    for one, other in zip(
        weights_of(tmp_path / "run"), weights_of(language_run), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_finished_run_stays_as_it_is(language_config, language_run, capsys):
    before = (language_run / "model.keras").stat().st_mtime_ns
    train(language_config, language_run)
    assert "is trained already" in capsys.readouterr().out
    assert (language_run / "model.keras").stat().st_mtime_ns == before


def test_the_validation_loss_is_the_history(language_run):
    rows = read_history(language_run)
    assert [row["epoch"] for row in rows] == [0.5, 1.0, 1.5, 2.0]
    for row in rows:
        assert row["val_perplexity"] == pytest.approx(np.exp(row["val_loss"]), rel=1e-3)


@pytest.mark.parametrize(
    ("multiplies", "dtype"), [(True, "bfloat16"), (False, "float32")]
)
def test_the_softmax_dtype_is_that_of_the_processor(
    monkeypatch, capsys, multiplies, dtype
):
    monkeypatch.setattr(train_module, "multiplies_bfloat16", lambda: multiplies)
    assert choose_softmax_dtype(Config()) == Config(
        model=ModelConfig(softmax_dtype=dtype)
    )
    line = capsys.readouterr().out
    assert line.startswith(f"model.softmax_dtype: {dtype}, since ")
    assert line.count("\n") == 1


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("multiplies", [True, False])
def test_a_softmax_dtype_that_is_named_stays(monkeypatch, capsys, multiplies, dtype):
    monkeypatch.setattr(train_module, "multiplies_bfloat16", lambda: multiplies)
    config = Config(model=ModelConfig(softmax_dtype=dtype))
    assert choose_softmax_dtype(config) == config
    assert capsys.readouterr().out == ""


def test_a_sampled_softmax_is_in_float32(monkeypatch):
    monkeypatch.setattr(train_module, "multiplies_bfloat16", lambda: True)
    chosen = choose_softmax_dtype(Config(train=TrainConfig(sampled_tokens=9)))
    assert chosen.model.softmax_dtype == "float32"


def test_the_run_names_the_softmax_dtype_that_it_was_trained_with(language_run):
    assert Predictor.load(language_run).config.model.softmax_dtype in DTYPES
