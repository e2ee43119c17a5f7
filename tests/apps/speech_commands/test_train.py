"""Training of word spotters: a killed one ends the same; both kinds train."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from apps.common.finished import read_history
from apps.speech_commands import data
from apps.speech_commands.augmentation import draw
from apps.speech_commands.evaluate import evaluate
from apps.speech_commands.export import export
from apps.speech_commands.predict import Predictor
from apps.speech_commands.train import ADAPTED_BATCHES, train

STEPS = 13  # of an epoch of `speech_config`


@pytest.fixture
def die_in_the_second_epoch(monkeypatch):
    """Makes the machine die in the middle of the second epoch."""
    counted = []

    def killed(*arguments):
        counted.append(arguments)
        # The first ones are for normalization; a few more are made ahead of time.
        if len(counted) > ADAPTED_BATCHES + STEPS + STEPS // 2 + 2:
            raise RuntimeError("killed")
        return draw(*arguments)

    monkeypatch.setattr(data, "draw", killed)


@pytest.mark.slow
def test_a_training_killed_in_mid_epoch_ends_at_the_same_weights(
    speech_config, speech_run, tmp_path, die_in_the_second_epoch, monkeypatch
):
    with pytest.raises(Exception, match="killed"):
        train(speech_config, tmp_path / "run")
    monkeypatch.undo()
    assert not (tmp_path / "run" / "model.keras").exists()
    assert len(read_history(tmp_path / "run")) == 1
    train(speech_config, tmp_path / "run")
    ours, theirs = (
        Predictor.load(run).model.get_weights()
        for run in (tmp_path / "run", speech_run)
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_impossible_frames_are_refused_before_anything_is_lost(speech_config, tmp_path):
    features = replace(speech_config.features, hop_ms=40.0)
    with pytest.raises(ValueError, match=r"features\.hop_ms"):
        train(replace(speech_config, features=features), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_training_begins_with_frames_of_mean_0_and_variance_1(
    speech_config, tmp_path, monkeypatch
):
    class BegunError(Exception):
        pass

    def fit(run, job, settings):
        batches = job.batches.shuffled(settings.seed).take(ADAPTED_BATCHES)
        features = [x for x, _ in batches]
        layer = job.trainer.model.get_layer("normalization")
        adapted.append(np.array(layer(tf.concat(features, 0))))
        raise BegunError

    adapted = []
    monkeypatch.setattr("apps.common.training.job.fit", fit)
    with pytest.raises(BegunError):
        train(speech_config, tmp_path / "run")
    (frames,) = adapted
    np.testing.assert_allclose(frames.mean(axis=(0, 1)), 0, atol=1e-3)
    np.testing.assert_allclose(frames.var(axis=(0, 1)), 1, atol=1e-2)


@pytest.mark.slow
def test_a_model_of_whole_clips_trains_and_is_served_without_a_stream(
    speech_config, tmp_path
):
    config = replace(
        speech_config,
        model=replace(
            speech_config.model,
            direction="both",
            pooling="attention",
            clip_normalization=True,
        ),
        train=replace(speech_config.train, epochs=1, clips_in_a_row=1),
    )
    train(config, tmp_path / "run")
    predictor = Predictor.load(tmp_path / "run")
    metrics = evaluate(predictor)
    assert metrics["stream"] is None
    version = export(predictor)
    loaded = tf.saved_model.load(str(version))
    assert set(loaded.signatures) == {"serving_default", "gates", "wav"}
