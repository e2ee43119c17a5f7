"""The README's sentences on `make run` come from recorded files."""

import json

import pytest

from experiments import __main__ as everything
from experiments.front_page import make_run


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Paths of a README and of a result, not recorded yet."""
    page, result = tmp_path / "README.md", tmp_path / "make_run.json"
    page.write_text(
        "# A\n<!-- make_run: made by `make results` -->\n<!-- end of make_run -->\n"
    )
    engines = tmp_path / "engines.json"
    server = {"tensorflow": {"installed_megabytes": 2871}}
    engines.write_text(json.dumps({"server": server}))
    monkeypatch.setattr(make_run, "PAGE", page)
    monkeypatch.setattr(make_run, "RESULT", result)
    monkeypatch.setattr(make_run, "ENGINES", engines)
    monkeypatch.setattr(make_run, "hardware", lambda: "9 cores")
    return page, result


def test_sizes_and_minutes_are_those_recorded(recorded):
    page, result = recorded
    make_run.record(6.749)
    assert json.loads(result.read_text())["minutes"] == 6.75
    sizes, minutes = page.read_text().splitlines()[2:4]
    assert sizes == "`make run` downloads packages (2.9 GB installed) and data (91 MB)."
    assert minutes == "On 9 cores it took 6.8 minutes, with packages and data at hand."


def test_only_five_new_apps_are_recorded(recorded, monkeypatch, capsys):
    monkeypatch.setattr(everything, "_is_done", lambda task: task.name == "sentiment")
    monkeypatch.setattr(everything, "run_all", lambda *_: pytest.fail("trained"))
    with pytest.raises(SystemExit, match="2"):
        everything.main(["--record"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "Error: --record: expected that all apps are to be trained. Received: "
        "language_modeling, speech_commands, summarization, question_answering. "
        "Move runs aside."
    )
    monkeypatch.setattr(everything, "_is_done", lambda task: False)
    monkeypatch.setattr(everything, "run_all", lambda names, jobs: {})
    everything.main(["--record"])
    assert "On 9 cores it took 0.0 minutes" in recorded[0].read_text()
