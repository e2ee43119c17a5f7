"""`python -m serving.static` writes the page, the models and the runtime."""

import hashlib
import json
import re
import shutil
import urllib.error
import urllib.request

import pytest

from apps.sentiment.predict import Predictor
from serving import npm, static
from tests.serving.static_fixtures import onnx_export, put_archive


@pytest.fixture(scope="module")
def runs(tmp_path_factory, trained_run):
    """A directory with the run of one model, sentiment."""
    runs = tmp_path_factory.mktemp("runs")
    onnx_export(Predictor.load(trained_run), runs)
    return runs


@pytest.fixture(autouse=True)
def archive(monkeypatch):
    """Replaces the archive of onnxruntime-web by a small one; returns its path."""
    return put_archive(
        monkeypatch, {name: name.encode() for name in (*npm.FILES, "package/other.js")}
    )


def model_of(folder):
    return folder / "sentiment" / "recipe" / "seed-1" / "export" / "sentiment" / "1"


def edited(runs, tmp_path, **settings):
    """Returns a copy of the runs with other settings in model.json."""
    copy = shutil.copytree(runs, tmp_path / "copy")
    path = model_of(copy) / "onnx" / "model.json"
    content = json.loads(path.read_text())
    content["settings"] |= settings
    path.write_text(json.dumps(content))
    return copy


def test_the_folder_has_the_page_the_runtime_and_the_model(runs, tmp_path):
    out = tmp_path / "site" / "folder"
    static.write_static(out, [runs])
    assert {path.name for path in out.iterdir()} >= {
        *("index.html", "app.js", "heatmap.js", "style.css", "LICENSE", "local"),
        *("models", "onnxruntime"),
    }
    assert {
        path.name: path.read_text() for path in (out / "onnxruntime").iterdir()
    } == {
        "LICENSE": (static.WEB / "local" / "onnxruntime-web.LICENSE").read_text(),
        **{new: old for old, new in npm.FILES.items()},
    }
    source, copy = model_of(runs) / "onnx", out / "models" / "sentiment"
    names = {path.name for path in source.iterdir()}
    assert names == {path.name for path in copy.iterdir()}
    assert {"sentiment.onnx", "model.json", "vocabulary.txt", "labels.txt"} == names
    assert all((source / n).read_bytes() == (copy / n).read_bytes() for n in names)
    size = sum((copy / name).stat().st_size for name in names)
    listed = json.loads((out / "models" / "models.json").read_text())
    assert listed == {"sentiment": {"app": "sentiment", "bytes": size}}
    assert list(out.parent.iterdir()) == [out]
    assert out.stat().st_mode & 0o777 == 0o755


def test_a_cell_is_copied_and_listed_with_its_hash(runs, tmp_path, capsys):
    copy = edited(runs, tmp_path)
    (model_of(copy) / "cell.json").write_bytes(b"{}")
    out = tmp_path / "out"
    static.main([str(out), str(copy)])
    assert (out / "models" / "sentiment" / "cell.json").read_bytes() == b"{}"
    listed = json.loads((out / "models" / "models.json").read_text())["sentiment"]
    assert listed["cell"] == {"bytes": 2, "sha256": hashlib.sha256(b"{}").hexdigest()}
    source = model_of(copy) / "onnx"
    assert listed["bytes"] == sum(path.stat().st_size for path in source.iterdir())
    assert re.search(r"\n  the cell +2 ", capsys.readouterr().out)
    assert (out / "cell" / "unit.svg").exists()


def test_the_page_names_no_server_and_may_call_none(runs, tmp_path):
    static.write_static(tmp_path / "out", [runs])
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert '<meta name="models" content="local">' in page
    assert "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" in page
    assert "connect-src" not in page
    assert "Server:" not in page
    assert "The server below" not in page
    assert page.index("Content-Security-Policy") < page.index("<script")


def test_the_sizes_of_all_parts_are_printed(runs, tmp_path, capsys):
    out = tmp_path / "out"
    static.main([str(out), str(runs)])
    printed = capsys.readouterr().out
    size = sum(path.stat().st_size for path in (out / "models" / "sentiment").iterdir())
    for part in ("page", "onnxruntime", "sentiment"):
        assert f"\n  {part}" in printed
    assert f"{size:,}" in printed
    assert f"python -m http.server -d {out}" in printed


def test_a_folder_with_files_is_never_overwritten(runs, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"the folder is not empty\. Name another"):
        static.write_static(tmp_path, [runs])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(runs, tmp_path):
    (tmp_path / "out").mkdir()
    static.write_static(tmp_path / "out", [runs])
    assert (tmp_path / "out" / "index.html").exists()


def test_a_failure_leaves_no_folder(runs, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(static, "_write_models", fail)
    with pytest.raises(OSError, match="disk full"):
        static.write_static(tmp_path / "out", [runs])
    assert list(tmp_path.iterdir()) == []


def test_a_place_without_a_model_is_told(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: there is no model with ONNX graphs"):
        static.write_static(tmp_path / "out", [runs, tmp_path / "empty"])


def test_a_model_of_other_rules_for_tokens_is_refused(runs, tmp_path):
    old = edited(runs, tmp_path, token_rules=1)
    with pytest.raises(ValueError, match=r"model\.json: the model reads texts by ver"):
        static.write_static(tmp_path / "out", [old])
    assert not (tmp_path / "out").exists()


def test_the_rules_for_tokens_do_not_matter_to_a_model_of_characters(runs, tmp_path):
    old = edited(runs, tmp_path, token_rules=1, tokenization="characters")
    static.write_static(tmp_path / "out", [old])


def test_a_model_of_clips_at_another_rate_is_refused(runs, tmp_path):
    old = edited(runs, tmp_path, streams=False, sample_rate_hz=8000)
    with pytest.raises(ValueError, match="whole clips at 8000 Hz, and the page sends"):
        static.write_static(tmp_path / "out", [old])
    rate = int(re.search(r"RATE_HZ = (\d+)", (static.WEB / "speech.js").read_text())[1])
    assert rate == static.CLIP_RATE_HZ


def test_a_file_that_was_changed_is_not_copied(runs, tmp_path):
    copy = edited(runs, tmp_path)
    with open(model_of(copy) / "onnx" / "sentiment.onnx", "ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="not the file that was exported"):
        static.write_static(tmp_path / "out", [copy])


def test_models_of_one_name_are_told_and_the_first_is_written(runs, tmp_path, capsys):
    copy = edited(runs, tmp_path)
    static.write_static(tmp_path / "out", [runs, copy])
    assert "sentiment: 2 exports have this name" in capsys.readouterr().err


def test_another_archive_of_the_runtime_is_refused(archive):
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(ValueError, match=r"tgz is damaged or not the pinned archive"):
        npm.fetch()


@pytest.mark.parametrize("name", ["npm_config_registry", "NPM_CONFIG_REGISTRY"])
def test_the_archive_comes_from_the_registry_that_npm_is_set_to(
    name, archive, monkeypatch
):
    asked = []

    def urlopen(address, timeout):
        asked.append(address)
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    monkeypatch.delenv("npm_config_registry", raising=False)
    content = archive.read_bytes()
    archive.unlink()
    with pytest.raises(ValueError, match=f"no route.*put the file there: {archive}"):
        npm.fetch()
    monkeypatch.setenv(name, "https://packages.example/npm/")
    with pytest.raises(ValueError, match="could not be downloaded: no route"):
        npm.fetch()
    file = "onnxruntime-web/-/onnxruntime-web-1.30.0.tgz"
    assert asked == [
        f"https://registry.npmjs.org/{file}",
        f"https://packages.example/npm/{file}",
    ]
    archive.write_bytes(content)
    assert npm.fetch() == archive
