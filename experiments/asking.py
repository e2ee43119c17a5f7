"""Asks the exported models of `make run` for answers to inputs of their test splits."""

import json
import random
import shutil

from apps.common.portable.files import write_json
from apps.common.portable.run_files import METRICS
from experiments.answering import signature_of
from experiments.closing import verdict

ANSWERS = "examples.json"
EXAMPLES, SEED = 8, 1  # of each test split; drawn before anybody saw an answer
ROW = (
    *("question", "answer"),
    "expected",  # the answer in the test split
    "right",  # whether the answer is that one
    "score",  # how near it comes, as a text
    "context",  # the text that the question is about
    "sound",  # the input as a WAV file in base64
)
NARROWEST = 40  # characters of an example in the terminal


def sample(count):
    """Returns the indices of the examples in a test split: a random sample, sorted.

    Args:
        count: Number of test examples.
    """
    return sorted(random.Random(SEED).sample(range(count), min(EXAMPLES, count)))


def answer_row(question, answer, **more):
    """Returns a row of `examples.json`.

    Args:
        question: Input of the model, as a person reads it.
        answer: What the model answers, as a person reads it.
        **more: Of the others in `ROW`, those that there are.
    """
    return {**dict.fromkeys(ROW), "question": question, "answer": answer, **more}


def answers_of_export(task, version):
    """Returns the rows of a run's `examples.json`; asks each export once.

    Args:
        task: A `Task`.
        version: Directory of the exported version, `RUN/export/APP/N`.
    """
    run = version.parents[2]
    path = run / ANSWERS
    # Another export, or one of an older version of this project, is asked again.
    if not path.exists() or path.stat().st_mtime < version.stat().st_mtime:
        answer = signature_of(version, task.name, task.signature)
        write_json(path, task.ask(task.answers().load(run, answer)))
    return json.loads(path.read_text(encoding="utf-8"))


def print_answers(answers):
    """Prints a table with one line per app: how good it is, and its first example.

    Args:
        answers: For each app its `Task`, its run directory and its rows.
    """
    rows = [("", "on the test split", "baseline")]
    for task, run, _ in answers:
        metrics = json.loads((run / METRICS).read_text(encoding="utf-8"))
        rows.append((task.name, *verdict(task, metrics)))
    name, value, baseline = (
        max(map(len, column)) for column in zip(*rows, strict=True)
    )
    room = shutil.get_terminal_size().columns - name - value - baseline - 8
    examples = [_example(rows[0], max(NARROWEST, room)) for *_, rows in answers]
    print()
    for row, example in zip(
        rows, ["one of its inputs: answer", *examples], strict=True
    ):
        print(f"  {row[0]:<{name}}  {row[1]:<{value}}  {row[2]:>{baseline}}  {example}")


def _example(row, room):
    """Returns a question and its answer in at most `room` characters."""
    answer = row["answer"]
    if row["right"] is False:
        answer = f"{answer} (wrong: {row['expected']})"
    answer = _cut(answer, 3 * room // 5)
    return f"{_cut(row['question'], room - len(answer) - 2)}: {answer}"


def _cut(text, room):
    return text if len(text) <= room else f"{text[: room - 1]}…"
