"""Exported models are found at any depth, each under one name."""

import json
import os
from pathlib import Path

import pytest

from serving.exports import conflict, find_exports
from serving.models import Finder, find_models


@pytest.fixture
def export(tmp_path, monkeypatch):
    """Makes `<run>/export/<app>/<version>/saved_model.pb` with a given mtime."""
    monkeypatch.chdir(tmp_path)

    def make(run, app="sentiment", version=1, time=0):
        path = tmp_path / run / "export" / app / str(version)
        path.mkdir(parents=True)
        (path / "saved_model.pb").write_bytes(b"")
        os.utime(path / "saved_model.pb", (time, time))
        return path.relative_to(tmp_path)

    return make


def test_each_export_below_a_directory_is_found_under_its_own_name(export):
    """A recipe's run has the name of its app, another run that of its directory."""
    paths = {
        "sentiment": export("runs/sentiment/imdb/seed-1"),
        "speech_commands": export(
            "runs/speech_commands/x/seed-1-theo", "speech_commands"
        ),
        "my-reviews": export("runs/my-reviews"),
        "lr-3": export("runs/sentiment/tuned/lr-3"),
        "deep": export("runs/a/b/c/d/e/deep"),
        "seed-1": export("runs/other/imdb/seed-1"),
        "export": export("runs/export"),
    }
    assert find_models(["runs"]) == {name: [path] for name, path in paths.items()}
    apps = {name: found[0].app for name, found in find_exports(["runs"]).items()}
    assert apps.pop("speech_commands") == "speech_commands"
    assert set(apps.values()) == {"sentiment"}


def test_hidden_directories_are_passed_over_and_links_followed_once(export, tmp_path):
    export("runs/.old/my-reviews")
    path = export("disk/my-reviews")
    (tmp_path / "runs" / "linked").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "back").symlink_to(tmp_path / "runs")
    linked = "runs/linked" / path.relative_to("disk")
    assert [str(path) for path in find_models(["runs"])["my-reviews"]] == [str(linked)]


def test_a_run_alone_is_named_as_among_others(export, tmp_path, monkeypatch):
    path = export("runs/my-reviews")
    assert find_models(["runs/my-reviews"]) == {"my-reviews": [path]}
    assert list(find_models(["runs/my-reviews/export"])) == ["sentiment"]
    monkeypatch.chdir(tmp_path / "runs" / "my-reviews")
    assert list(find_models(["."])) == ["my-reviews"]


def test_a_name_may_be_given(export):
    path = export("runs/my-reviews")
    assert find_models(["sentiment=runs/my-reviews"]) == {"sentiment": [path]}
    odd = export("runs/lr=0.1/x")
    assert find_models(["runs/lr=0.1/x"]) == {"x": [odd]}


def test_the_same_run_named_twice_is_no_conflict(export):
    path = export("runs/my-reviews")
    assert find_models(["runs", "runs/my-reviews"]) == {"my-reviews": [path]}


def test_a_conflict_names_all_runs_and_the_way_to_serve_both(export):
    for seed, time in ((1, 10), (2, 30), (3, 20)):
        export(f"runs/sentiment/imdb/seed-{seed}", time=time)
    export("runs/my-reviews")
    found = find_exports(["runs"])
    assert conflict(found["my-reviews"]) is None
    assert conflict(found["sentiment"]) == (
        "sentiment: 3 exports have this name. Used: runs/sentiment/imdb/seed-2, which "
        "is the newest; not used: runs/sentiment/imdb/seed-3, "
        "runs/sentiment/imdb/seed-1. To serve one, or both: python -m serving.server "
        "sentiment=runs/sentiment/imdb/seed-3 OTHER-NAME=runs/sentiment/imdb/seed-2"
    )
    both = [
        "sentiment=runs/sentiment/imdb/seed-3",
        "OTHER-NAME=runs/sentiment/imdb/seed-2",
    ]
    assert list(find_models(both)) == ["sentiment", "OTHER-NAME"]


def test_another_run_of_the_same_name_is_no_version_before(export):
    """Else a damaged export would be replaced by another run's, or another app's."""
    versions = [export("runs/a/foo", version=n, time=n) for n in (4, 5)]
    export("runs/b/foo", "question_answering", 1)
    assert find_models(["runs"]) == {"foo": versions[::-1]}


def test_a_name_that_was_given_comes_before_a_newer_run_of_that_name(export):
    path = export("runs/my-reviews", time=1)
    export("runs/sentiment/imdb/seed-1", time=9)
    for places in (["runs", "sentiment=runs/my-reviews"],) * 2:
        found = find_exports(places)
        assert found["sentiment"][0].versions == [path]
        message = conflict(found["sentiment"])
        assert "runs/my-reviews, which was named on the command line" in message
        places.reverse()


def test_a_name_given_to_several_models_is_refused(export):
    for place in ("runs/x/export/a/1", "runs/x/export/b/1", "models/c/1", "models/d/1"):
        (Path(place)).mkdir(parents=True)
        (Path(place) / "saved_model.pb").touch()
    for place in ("runs/x", "models"):
        with pytest.raises(ValueError, match="a directory with one model"):
            find_exports([f"mine={place}"])
    found = find_models(["mine=models/c"])
    assert found == {"mine": [Path("models/c/1")]}


def test_a_run_below_a_run_is_found(export):
    paths = [export("runs/my-reviews"), export("runs/my-reviews/v2")]
    export("runs/my-reviews/explain/copy")
    assert find_models(["runs"]) == {"my-reviews": paths[:1], "v2": paths[1:]}


def test_a_directory_that_cannot_be_read_is_logged_once(export, caplog, monkeypatch):
    path = export("runs/my-reviews")
    locked = export("runs/locked").parents[1].absolute()
    iterdir = Path.iterdir

    def refuse(directory):
        if directory.absolute() == locked:
            raise PermissionError(13, "Permission denied", str(directory))
        return iterdir(directory)

    monkeypatch.setattr(Path, "iterdir", refuse)
    for _ in range(2):
        assert find_models(["runs"]) == {"my-reviews": [path]}
    assert caplog.messages == ["runs/locked/export is left out: Permission denied."]


def test_a_name_with_a_colon_is_logged_with_a_way_out(export, caplog):
    path = export("runs/exp:1 x")
    assert find_models(["runs"]) == {}
    assert caplog.messages[0].endswith("server 'OTHER-NAME=runs/exp:1 x'")
    assert find_models(["OTHER-NAME=runs/exp:1 x"]) == {"OTHER-NAME": [path]}


def test_only_ascii_digits_are_a_version(export):
    path = export("runs/my-reviews", version=3)
    for name in ("\u00b2", "\u0662"):
        export("runs/my-reviews", version=name)
    assert find_models(["runs"]) == {"my-reviews": [path]}


def test_of_many_runs_of_one_name_a_few_are_listed(export):
    for seed in range(9):
        export(f"runs/sentiment/imdb/seed-{seed}", time=seed)
    message = conflict(find_exports(["runs"])["sentiment"])
    assert "seed-3 and 3 more. To serve" in message


def test_a_conflict_is_logged_when_it_comes_up(export, caplog):
    export("runs/sentiment/imdb/seed-1", time=10)
    find = Finder(["runs"])
    assert (list(find()), caplog.messages) == (["sentiment"], [])
    assert find.apps == {"sentiment": "sentiment"}
    newer = export("runs/sentiment/imdb/seed-2", time=20)
    assert find()["sentiment"][0] == newer
    find()
    (message,) = caplog.messages
    assert message.startswith("sentiment: 2 exports have this name. Used: runs/")


def copied(version, app):
    """Makes a version that has `onnx/` alone; returns the path of its `model.json`."""
    path = Path("models", "my-reviews", version, "onnx", "model.json")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"format": 1, "app": app}))
    return path


def test_the_app_of_a_copied_model_is_that_of_its_newest_version(export):
    copied("1", "speech_commands")
    copied("2", "sentiment")
    (found,) = find_exports(["models"])["my-reviews"]
    assert (found.name, found.app) == ("my-reviews", "sentiment")
    Path("models", "my-reviews", ".app").write_text("summarization\n")
    (found,) = find_exports(["models"])["my-reviews"]
    assert found.app == "summarization"


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 1}', '{"format": 1, "app": 3}']
)
def test_a_damaged_description_names_no_app(text, export):
    path = copied("2", "sentiment")
    path.write_text(text)
    (found,) = find_exports(["models"])["my-reviews"]
    assert found.app == "my-reviews"
    copied("1", "sentiment")
    (found,) = find_exports(["models"])["my-reviews"]
    assert found.app == "sentiment"
