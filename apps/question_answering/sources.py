"""Reads questions: generated stories, bAbI's files and SQuAD's articles."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from apps.common.data.datasets import load_dataset
from apps.common.data.faulty import RowError, good_rows
from apps.common.data.splits import split_by_hash
from apps.common.data.values import is_visible, parse_json
from apps.common.portable.files import open_text
from apps.question_answering.stories import Story, make_stories

BABI_LINE = re.compile(r"(\d+) ([^\t]*\S) *(?:\t([^\t]*[^\t\s]) *(?:\t([\d ]*))?)?\r?")
QUESTION_MARKS = ("?", "\uff1f", "\u061f")  # also full-width and Arabic
HELD_OUT = 10  # one of 10 training stories is in the validation split


@dataclass(frozen=True)
class Passage:
    """A question about a passage.

    Attributes:
        context: Text of the passage.
        question: Text of the question.
        answers: Reference answers, each a span of the passage.
        start: Offset of the first answer in the passage, in Unicode characters.
        name: Identifier of the question.
    """

    context: str
    question: str
    answers: tuple
    start: int
    name: str


def stories(config, split):
    """Generates the stories of a split; validation has 10% of the number, test 20%."""
    count = config.stories
    counts = {"train": count, "validation": count // 10, "test": count // 5}
    return make_stories(split, max(1, counts[split]), config.gap)


def babi(config, split):
    """Reads bAbI's files; the last 10% of the training stories are validation.

    Supporting facts are read for the test split only.
    """
    files = _babi_files(config, split)
    questions = []
    for number, name, path, test_path in files:
        task = f"{number} {name}"
        if split == "test":
            questions += [
                story
                for stories in _babi_stories(test_path, task, True, config.encoding)
                for story in stories
            ]
            continue
        read = _babi_stories(path, task, False, config.encoding)
        cut = len(read) - len(read) // HELD_OUT
        part = read[:cut] if split == "train" else read[cut:]
        questions += [question for story in part for question in story]
    return questions


def _babi_files(config, split):
    """Returns `(number, name, training file, test file)` of each task to read."""
    folder = Path(config.directory)
    pattern = re.compile(r"qa(\d+)_(.+)_(train|test)\.txt")
    files = {}
    for path in sorted(folder.glob("qa*_*.txt")) if config.directory else []:
        if named := pattern.fullmatch(path.name):
            number, name, part = int(named[1]), named[2].replace("-", " "), named[3]
            files.setdefault(number, {"name": name})[part] = path
    if not files:
        raise ValueError(
            "data.directory: expected the folder of bAbI's files, such as "
            f"qa1_single-supporting-fact_train.txt. Received: {config.directory!r}."
        )
    whole = {n: f for n, f in files.items() if len(f) == 3}
    numbers = sorted(whole)
    missing = sorted(set(files) - set(whole))
    if config.tasks == "all":
        if missing and split == "test":
            print(f"Skipped tasks {missing}: the train or test file is missing.")
    else:
        try:
            numbers = [int(number) for number in config.tasks.split(",")]
        except ValueError:
            raise ValueError(
                f'data.tasks: expected "all" or numbers such as "1,2,15". '
                f"Received: {config.tasks!r}."
            ) from None
        for number in numbers:
            if number not in whole:
                raise ValueError(
                    f"data.tasks: {folder} lacks the train or test file of task "
                    f"{number}. Complete tasks: {', '.join(map(str, sorted(whole)))}."
                )
    return [(n, whole[n]["name"], whole[n]["train"], whole[n]["test"]) for n in numbers]


def _babi_stories(path, task, with_facts, encoding):
    """Returns the questions of each story of a file, lists of `Story`."""
    read = []
    for line in babi_lines(path, encoding):
        if line.number == 1:
            sentences, indices = [], {}
            read.append([])
        if line.answer is None:
            indices[line.number] = len(sentences)
            sentences.append(line.text.rstrip("."))
            continue
        numbers = line.facts if with_facts else ()
        facts = tuple(sorted(indices[n] for n in numbers if n in indices))
        read[-1].append(Story(tuple(sentences), line.text, line.answer, task, facts))
    return [story for story in read if story]


class BabiLine(NamedTuple):
    """A line of bAbI's files.

    Attributes:
        line: Number of the line in the file, from 1.
        number: Number of the line in its story, from 1.
        text: A sentence or a question.
        answer: The question's answer, which may be empty; None for a sentence.
        facts: Numbers of the question's supporting facts.
    """

    line: int
    number: int
    text: str
    answer: str | None
    facts: tuple


def babi_lines(path, encoding, answered=True):
    """Yields a `BabiLine` for each line of a file that is not blank.

    Args:
        path: Path of the file.
        encoding: The setting `data.encoding`.
        answered: Whether each question needs an answer.
    """
    last = 0
    with open_text(path, encoding) as file:
        for line, text in enumerate(file, 1):
            text = text.removesuffix("\n")
            if not text.strip():
                continue
            named = BABI_LINE.fullmatch(text)
            number = int(named[1]) if named else 0
            follows = number == 1 or (number == last + 1 and last)
            question = follows and named[2].endswith(QUESTION_MARKS)
            has_answer = follows and named[3] is not None
            right = question == has_answer or (question and not answered)
            if not follows or not right:
                raise ValueError(
                    f"{path}:{line}: expected a number and a sentence, or a number and "
                    "a question, then the answer and the numbers of its facts, each "
                    f"after a tab; numbers count up from 1. Received: {text[:80]!r}."
                )
            last = number
            answer = named[3] or "" if question else None
            facts = tuple(map(int, (named[4] or "").split()))
            yield BabiLine(line, number, named[2], answer, facts)


def squad(config, split):
    """Reads SQuAD 1.1; its validation split is our test split (SQuAD's is hidden).

    The validation split is 10% of the training articles, by a hash of the title.
    """
    part = "validation" if split == "test" else "train"
    passages = []
    for row in load_dataset("squad/v1.1", part).as_numpy_iterator():
        title = row["title"].decode()
        if split == "test" or _part(title, split):
            answers = [text.decode() for text in row["answers"]["text"]]
            starts = row["answers"]["answer_start"].tolist()
            texts = [row[key].decode() for key in ("context", "question", "id")]
            passages.append(_passage(texts, answers, starts, "squad"))
    return passages


def files(config, split):
    """Reads the user's own questions, in SQuAD's format."""
    if config.directory:
        part = "validation" if split == "test" else "train"
        rows = _own_questions(Path(config.directory, f"{part}.json"), config)
        return [p for title, p in rows if split == "test" or _part(title, split)]
    if not config.file:
        raise ValueError(
            "data.file: expected a JSON file in the format of SQuAD 1.1, or with "
            "data.directory a folder with train.json and validation.json."
        )
    rows = _own_questions(Path(config.file), config)
    return [p for title, p in rows if split_by_hash(title) == split]


def _own_questions(path, config):
    """Yields `(title, passage)` of each good question of a file."""
    rows = _questions(path, config.encoding)
    return good_rows(path, rows, config.skip_bad_rows, "questions")


def _part(title, split):
    return (split_by_hash(title) == "validation") == (split == "validation")


def _questions(path, encoding):
    """Yields `(title, passage)`, or a `RowError`, for each question of a file."""
    try:
        articles = read_json(path, encoding)["data"]
        rows = [
            (article["title"], paragraph["context"], question)
            for article in articles
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(_format_fault(path, error)) from None
    for title, context, row in rows:
        try:
            answers = [answer["text"] for answer in row["answers"]]
            starts = [answer["answer_start"] for answer in row["answers"]]
            texts = [context, row["question"], str(row["id"])]
            if not isinstance(title, str):
                raise TypeError(f"the title {title!r} is not a string")
            passage = _passage(texts, answers, starts, path)
        except RowError as error:
            yield error
        except (KeyError, TypeError, AttributeError) as error:
            name = f"{path}: question {row.get('id')}" if hasattr(row, "get") else path
            yield RowError(_format_fault(name, error))
        else:
            yield title, passage


def _format_fault(where, error):
    return (
        f"{where}: not in the format of SQuAD 1.1, with the keys data, title, "
        "paragraphs, context, qas, id, question, answers, text and answer_start. "
        f"Missing, or of the wrong type: {error}."
    )


def read_json(path, encoding):
    """Returns the content of a JSON file.

    Raises:
        ValueError: If there is no such file, or it is not JSON.
    """
    with open_text(path, encoding) as file:
        content = file.read()
    try:
        return parse_json(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}.") from None


def _passage(texts, answers, starts, source):
    """Returns a `Passage` whose answers occur at their offsets.

    Raises:
        TypeError: If a text is not a string.
        RowError: If there is no answer, or one does not occur at its offset.
    """
    context, question, name = texts
    for text in (context, question, *answers):
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is not a string")
    if not answers:
        raise RowError(f"{source}: question {name} has no answer.")
    for text, start in zip(answers, starts, strict=True):
        if not is_visible(text):
            raise RowError(
                f"{source}: question {name}: the answer {text!r} is blank. Give a part "
                "of the context."
            )
        if start < 0 or context[start : start + len(text)] != text:
            raise RowError(
                f"{source}: question {name}: expected its answer {text!r} at character "
                f"{start} of the context (answer_start). Received: "
                f"{context[max(start, 0) :][: len(text)]!r}."
            )
    return Passage(context, question, tuple(answers), starts[0], name)


DATASETS = {"stories": stories, "babi": babi, "squad": squad, "files": files}
