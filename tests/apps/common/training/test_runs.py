"""A run directory is created, resumed or refused, and never overwritten."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic.dataclasses import dataclass

from apps.common.config import STRICT, load_config
from apps.common.finished import finished_run, is_finished, trained_already
from apps.common.training.runs import open_run

ROOT = Path(__file__).parents[4]


@dataclass(frozen=True, config=STRICT)
class TrainSection:
    seed: int = 1
    units: int = 8


@dataclass(frozen=True, config=STRICT)
class ModelSection:
    dtype: str = "auto"


@dataclass(frozen=True, config=STRICT)
class Recipe:
    train: TrainSection = TrainSection()


@dataclass(frozen=True, config=STRICT)
class RecipeWithChoice:
    model: ModelSection = ModelSection()


def opens(directory, config):
    """Opens and closes a run; returns whether it is still to be trained."""
    with open_run(directory, config) as opened:
        return not opened.finished


@pytest.fixture
def run(tmp_path):
    return tmp_path / "runs" / "task" / "recipe" / "seed-1"


@pytest.fixture
def unfinished(run):
    opens(run, Recipe())
    (run / "checkpoint.npz").write_text("half way")
    return run


@pytest.fixture
def finished(unfinished):
    (unfinished / "model.keras").write_text("done")
    return unfinished


def content(directory):
    return {p.name: p.read_bytes() for p in directory.iterdir() if p.is_file()}


def test_a_new_run_is_made_with_its_whole_config(run):
    assert opens(run, Recipe()) is True
    assert load_config(Recipe, run / "config.yaml") == Recipe()


def test_a_resumed_run_keeps_its_choice_and_a_named_setting_is_compared(run):
    def choose(config):
        return RecipeWithChoice(ModelSection(dtype=next(choices)))

    choices = iter(["one", "another"])
    with open_run(run, RecipeWithChoice(), choose) as opened:
        assert opened.config.model.dtype == "one"
    (run / "checkpoint.npz").write_text("half way")
    for dtype in ("auto", "one"):
        with open_run(run, RecipeWithChoice(ModelSection(dtype)), choose) as opened:
            assert opened.config.model.dtype == "one"
    with pytest.raises(ValueError, match=r"model\.dtype was 'one' and is now 'other'"):
        opens(run, RecipeWithChoice(ModelSection("other")))


def test_an_empty_directory_becomes_a_run(run):
    run.mkdir(parents=True)
    assert opens(run, Recipe()) is True
    assert (run / "config.yaml").exists()


def test_a_directory_may_be_given_as_text(run):
    assert opens(str(run), Recipe()) is True
    assert not is_finished(str(run))


def test_an_unfinished_run_is_there_to_be_resumed(unfinished):
    before = content(unfinished)
    assert opens(unfinished, Recipe()) is True
    assert content(unfinished) == before


def test_a_finished_run_has_nothing_left_to_do(finished):
    before = content(finished)
    assert is_finished(finished)
    assert opens(finished, Recipe()) is False
    assert content(finished) == before


@pytest.mark.parametrize("state", ["unfinished", "finished"])
def test_another_config_is_refused_with_old_and_new_values_and_the_way_out(
    state, request
):
    directory = request.getfixturevalue(state)
    before = content(directory)
    with pytest.raises(ValueError, match="another configuration") as caught:
        opens(directory, Recipe(TrainSection(seed=3, units=16)))
    message = str(caught.value)
    assert str(directory) in message
    assert "train.seed was 1 and is now 3" in message
    assert "train.units was 8 and is now 16" in message
    assert "run_directory=" in message
    assert "\n" not in message
    assert content(directory) == before


def test_a_directory_with_other_files_is_refused_and_left_alone(run):
    run.mkdir(parents=True)
    (run / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match=r"it is not a run directory") as caught:
        opens(run, Recipe())
    assert "run_directory=" in str(caught.value)
    assert content(run) == {"thesis.tex": b"years of work"}


def test_what_a_killed_process_left_aside_does_not_make_a_directory_foreign(run):
    run.mkdir(parents=True)
    (run / ".4711.config.yaml").write_text("train: {se")
    assert opens(run, Recipe()) is True


def test_a_config_that_a_later_version_cannot_read_is_refused(unfinished):
    (unfinished / "config.yaml").write_text("train: {units: 8, colour: red}")
    with pytest.raises(ValueError, match=r"config.yaml: train: unknown key 'colour'"):
        opens(unfinished, Recipe())


def test_a_finished_run_gives_its_own_config(run):
    config = Recipe(TrainSection(seed=5))
    opens(run, config)
    (run / "model.keras").write_text("done")
    assert finished_run(run, Recipe) == config


def test_a_finished_run_of_another_config_is_not_the_one_asked_for(run, capsys):
    config = Recipe(TrainSection(seed=5))
    assert not trained_already(run, config)
    opens(run, config)
    assert not trained_already(run, config)
    (run / "model.keras").write_text("done")
    assert trained_already(run, config)
    assert capsys.readouterr().out == f"{run} is trained already.\n"
    with pytest.raises(ValueError, match=r"train\.seed was 5 and is now 6"):
        trained_already(run, Recipe(TrainSection(seed=6)))


def test_an_unfinished_run_is_not_given_and_the_way_on_is_named(unfinished):
    with pytest.raises(ValueError, match=r"no model.keras.*resumes it") as caught:
        finished_run(unfinished, Recipe)
    assert str(unfinished) in str(caught.value)


@pytest.mark.parametrize("made", [True, False])
def test_a_directory_that_is_no_run_is_not_given(made, run):
    if made:
        run.mkdir(parents=True)
    with pytest.raises(ValueError, match=r"is not a run: it has no config.yaml"):
        finished_run(run, Recipe)


def test_of_two_commands_at_once_on_one_run_the_second_is_refused(run):
    with open_run(run, Recipe()):
        before = content(run)
        with pytest.raises(ValueError, match="another process is training") as caught:
            opens(run, Recipe())
        assert "run_directory=" in str(caught.value)
        assert content(run) == before
    assert opens(run, Recipe()) is True


def test_a_command_that_is_refused_changes_nothing_of_a_run_that_has_just_begun(run):
    with open_run(run, Recipe()):
        before = content(run)
        assert set(before) == {"config.yaml"}
        with pytest.raises(ValueError, match="another process is training"):
            opens(run, Recipe(TrainSection(seed=3)))
        assert content(run) == before


def test_a_lock_is_gone_with_its_process(run):
    code = (
        "import os, signal\n"
        "from tests.apps.common.training.test_runs import Recipe, open_run\n"
        f"with open_run({str(run)!r}, Recipe()):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    assert opens(run, Recipe()) is True
