"""The commands of README and docs run on tiny data, or a list says why they do not.

Each page has a directory of its own, in which its commands run one after the other, in
this process: a fresh one takes seconds for TensorFlow alone.
"""

import csv
import json
import re
import runpy
import shlex
import shutil
import sys

import numpy as np
import pytest
import soundfile

from tests.docs.pages import NAMES, commands
from tests.trained_runs import make_export_quick

# Commands that do not run here: why.
NOT_HERE = {
    r"-m (pip|pytest|http\.server) ": "not ours",
    r"-m experiments$": "minutes: `make run`; tests/experiments/test_main.py",
    r"-m experiments\.benchmarks\.": "minutes; tests/experiments/benchmarks",
    r"-m experiments\.research\.": "minutes to hours; tests/experiments/research",
    r"-m experiments\.(drawings|notebooks|explainer\S*)( |$)": "tests/experiments",
    r" tune |_tuned\.yaml": "an hour; tests/experiments/tuning",
    r"-m experiments\.launch ": "starts processes; tests/distributed",
    r"-m experiments\.\w+$": "a default recipe: minutes; tests/apps",
    r"-m experiments\.\w+ (?!files|folder|predict|explain)\w+": "a recipe: minutes",
    r"--run runs/lucy": "the run of such a recipe",
    r"-m serving\.(server|client)": "until interrupted; tests/serving",
    r"-m serving\.static": "downloads; tests/serving/test_static.py",
    r"--engine litert|\.c_array ": "needs litert/; tests/apps/speech_commands",
    r"-m apps\.speech_commands\.record ": "a microphone",
    r"--rollback MODEL": "a placeholder",
}
TRAINED = ("files", "folder")  # recipes for files of one's own
TINY = {  # settings that make a training short
    "language_modeling": ["train.epochs=1", "evaluation.cache=false"],
    "sentiment": ["train.epochs=1"],
    "speech_commands": ["train.epochs=1", "evaluation.hours=0.01"],
    "summarization": ["train.epochs=1"],
    "question_answering": ["train.epochs=1"],
}
RUNNABLE = [
    command
    for command in dict.fromkeys(commands())
    if command.module
    and "--help" not in command.words
    and not any(re.search(reason, shlex.join(command.words)) for reason in NOT_HERE)
]


@pytest.fixture
def workplace(
    tmp_path,
    monkeypatch,
    packages,
    quick_background,
    make_reviews,
    make_documents,
    articles_folder,
    tones,
    request,
):
    """A directory with the files that the pages name, and the runs that they ask."""
    reviews = [(text, label) * 2 for text, label in make_reviews(100)]
    for name, rows in (("reviews.csv", reviews), ("new.csv", reviews[:5])):
        with open(tmp_path / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["text", "label", "review", "stars"], *rows])
    (tmp_path / "books").mkdir()
    text = "".join(f"{text} . \n" for text, _ in make_reviews(900))
    for name in ("book.txt", "reviews.txt", "books/one.txt"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name, count in (("reports.jsonl", 60), ("new.jsonl", 3)):
        lines = [{"document": d, "summary": s} for d, s in make_documents(count)]
        (tmp_path / name).write_text("\n".join(map(json.dumps, lines)) + "\n")
    for name in ("squad.json", "passages.json", "new.json"):
        shutil.copy(articles_folder / "train.json", tmp_path / name)
    shutil.copytree(tones, tmp_path / "my-words")
    shutil.copytree(tones / "low", tmp_path / "recordings")
    shutil.copy(next(tones.glob("low/*.wav")), tmp_path / "new.wav")
    sound = np.random.default_rng(3).normal(0, 0.1, 16000)
    soundfile.write(tmp_path / "long.wav", sound, 8000, subtype="PCM_16")
    for run, fixture in {
        "sentiment/movie_snippets/seed-1": "finished_run",
        "sentiment/movie_snippets/seed-2": "finished_run",
        "language_modeling/wikipedia/seed-1": "finished_language_run",
        "speech_commands/synthetic/seed-1": "finished_speech_run",
        "summarization/wikipedia_descriptions/seed-1": "finished_summarization_run",
        "question_answering/stories/seed-1": "finished_question_run",
    }.items():
        shutil.copytree(request.getfixturevalue(fixture), tmp_path / "runs" / run)
    make_export_quick(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({command.page for command in RUNNABLE}))
def test_the_commands_of_a_page_run_one_after_the_other(page, workplace, monkeypatch):
    todo = [command for command in RUNNABLE if command.page == page]
    if not any("data.file=reviews.csv" in command.words for command in todo):
        runs = workplace / "runs"
        shutil.copytree(runs / "sentiment/movie_snippets/seed-1", runs / "my-reviews")
    for command in todo:
        words = [*command.words[3:], *tiny(command)]
        monkeypatch.setattr(sys, "argv", [command.module, *words])
        monkeypatch.delitem(sys.modules, command.module, raising=False)
        assert exit_code(command.module) == 0, str(command)
    scored = workplace / "scored.csv"
    assert scored.exists() == any("scored.csv" in command.words for command in todo)


def exit_code(module):
    """Runs a module as `python -m` does; returns the exit code."""
    try:
        runpy.run_module(module, run_name="__main__")
    except SystemExit as ended:
        return ended.code
    return 0


def tiny(command):
    """Returns the settings that make a command short."""
    app = command.module.removeprefix("experiments.")
    trains = app in TINY and not {"predict", "explain"} & set(command.words)
    return TINY[app] if trains and command.words[3] in TRAINED else []


def test_each_reason_on_the_list_is_one_of_a_command():
    texts = [shlex.join(command.words) for command in commands() if command.module]
    for reason in NOT_HERE:
        assert any(re.search(reason, text) for text in texts), reason


def test_the_pages_of_the_apps_and_the_readme_have_commands_that_run():
    pages = {command.page for command in RUNNABLE}
    apps = {f"docs/{app}.md" for app in TINY}
    others = {"README.md", "docs/command_line.md", "docs/serving.md"}
    assert apps | others <= pages <= set(NAMES)
