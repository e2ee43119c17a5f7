"""The command that writes the explainer."""

import json

import pytest

from experiments import language_modeling, sentiment
from experiments.explainer import __main__ as command
from experiments.explainer import write
from experiments.explainer.__main__ import main
from experiments.task import Task
from tests.experiments.explainer.tiny import language_model_run, sentiment_run


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Replaces the default runs by those of tiny models."""
    monkeypatch.chdir(tmp_path)
    tiny = {"language_modeling": language_model_run(), "sentiment": sentiment_run()}
    simple = language_model_run("simple", 3)
    monkeypatch.setattr(
        Task,
        "predictor",
        lambda self, directory: (
            simple if "simple" in str(directory) else tiny[self.name]
        ),
    )
    monkeypatch.setattr(command, "is_finished", lambda directory: True)


def test_the_file_is_written_and_its_size_and_cost_are_printed(runs, tmp_path, capsys):
    main(["--output", "new/page.html"])
    content = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert content.startswith("<!doctype html>")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]
    printed = capsys.readouterr().out
    assert printed.startswith(f"new/page.html: {len(content.encode()) / 1e6:.1f} MB.")
    assert "language_modeling: int8 word vectors change h by at most 0.0" in printed
    (line,) = (line for line in printed.splitlines() if line.startswith("  simple: "))
    assert "h by at most 0.0" in line
    assert "C by" not in line
    assert '"simple": {"levels"' in content


def test_without_a_simple_network_the_page_has_no_comparison_and_a_line_says_so(
    runs, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(
        command, "is_finished", lambda directory: "simple" not in str(directory)
    )
    main(["--output", "page.html"])
    assert '"simple": null' in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert capsys.readouterr().out.startswith(
        "The page has no comparison: runs/language_modeling/wikipedia_simple/seed-1 is "
        "no finished run. Make the default one with `python -m "
        "experiments.language_modeling wikipedia_simple`.\n"
    )
    with pytest.raises(SystemExit):
        main(["--simple", "my/simple"])
    assert capsys.readouterr().err.startswith(
        "Error: my/simple: there is no finished run. Make the default one with `python"
    )


def test_the_examples_are_the_tutorials_sentence_and_the_questions_of_the_tasks():
    beginning, last_word = language_modeling.TUTORIAL.rsplit(" ", 1)
    assert json.loads(write.EXAMPLES.read_text(encoding="utf-8")) == {
        "sentences": {
            "language_modeling": [beginning, language_modeling.TASK.questions[0]],
            "sentiment": list(sentiment.TASK.questions),
        },
        "watched": last_word,
    }


def test_a_file_that_would_be_too_large_is_refused(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(write, "MAX_BYTES", 1000)
    with pytest.raises(SystemExit):
        main(["--output", "page.html"])
    assert "bytes, and may have 1,000." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_run_is_named_with_the_command_that_makes_it(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([])
    assert capsys.readouterr().err == (
        "Error: runs/language_modeling/wikipedia/seed-1: there is no finished run. "
        "Make the default one with `python -m experiments.language_modeling`, or name "
        "another with --language-modeling.\n"
    )
