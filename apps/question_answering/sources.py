"""Where questions come from: stories made here, bAbI's files, SQuAD's articles."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from apps.common.data.datasets import load_dataset
from apps.common.data.splits import split_by_hash
from apps.common.portable.files import open_text
from apps.question_answering.stories import Story, make_stories

BABI_LINE = re.compile(r"(\d+) ([^\t]*\S) *(?:\t([^\t]*[^\t\s]) *(?:\t([\d ]*))?)?\r?")
HELD_OUT = 10  # of so many stories or articles one is held out


@dataclass(frozen=True)
class Passage:
    """A question about a passage.

    Attributes:
        context: The passage.
        question: The question.
        answers: What people answered, each a part of the passage.
        start: Where the first of them begins, in Unicode characters.
        name: Its identifier.
    """

    context: str
    question: str
    answers: tuple
    start: int
    name: str


def stories(config, split):
    """Makes stories; a tenth as many for validation, a fifth as many for test."""
    count = config.stories
    counts = {"train": count, "validation": count // 10, "test": count // 5}
    return make_stories(split, max(1, counts[split]), config.gap)


def babi(config, split):
    """Reads bAbI's files; the last tenth of the training stories is validation.

    The numbers of the supporting facts are read for the test split alone.
    """
    files = _babi_files(config, split)
    found = []
    for number, name, path, test_path in files:
        task = f"{number} {name}"
        if split == "test":
            found += [
                s for story in _babi_stories(test_path, task, True) for s in story
            ]
            continue
        read = _babi_stories(path, task, False)
        cut = len(read) - len(read) // HELD_OUT
        part = read[:cut] if split == "train" else read[cut:]
        found += [question for story in part for question in story]
    return found


def _babi_files(config, split):
    """Returns `(number, name, training file, test file)` of the tasks asked for."""
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
    wanted = sorted(whole)
    missing = sorted(set(files) - set(whole))
    if config.tasks == "all":
        if missing and split == "test":
            print(f"Left out, a file being missing: tasks {missing}.")
    else:
        try:
            wanted = [int(number) for number in config.tasks.split(",")]
        except ValueError:
            raise ValueError(
                f'data.tasks: expected "all" or numbers such as "1,2,15". '
                f"Received: {config.tasks!r}."
            ) from None
        for number in wanted:
            if number not in whole:
                raise ValueError(
                    f"data.tasks: {folder} has not both files of task {number}. It has "
                    f"those of {', '.join(map(str, sorted(whole)))}."
                )
    return [(n, whole[n]["name"], whole[n]["train"], whole[n]["test"]) for n in wanted]


def _babi_stories(path, task, with_facts):
    """Returns for each story of a file a list of its questions, each a `Story`."""
    with open_text(path) as file:
        lines = file.read().split("\n")
    read, sentences, places, last = [], [], {}, 0
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        named = BABI_LINE.fullmatch(text)
        number = int(named[1]) if named else 0
        follows = number == 1 or (number == last + 1 and read)
        if not follows or (named[3] is None) == named[2].endswith("?"):
            raise ValueError(
                f"{path}:{line}: expected a number and a sentence, or a number, a "
                "question, an answer and the numbers of facts between tabs, numbered "
                f"on from 1. Received: {text[:80]!r}."
            )
        last = number
        if number == 1:
            sentences, places = [], {}
            read.append([])
        if named[3] is None:
            places[named[1]] = len(sentences)
            sentences.append(named[2].rstrip("."))
            continue
        told = (named[4] or "").split() if with_facts else ()
        facts = tuple(sorted(places[n] for n in told if n in places))
        read[-1].append(Story(tuple(sentences), named[2], named[3], task, facts))
    return [story for story in read if story]


def squad(config, split):
    """Reads SQuAD 1.1; its validation split is measured, as its test split is hidden.

    For validation a tenth of the training articles is cut off, by a hash of the title.
    """
    part = "validation" if split == "test" else "train"
    found = []
    for row in load_dataset("squad/v1.1", part).as_numpy_iterator():
        title = row["title"].decode()
        if split == "test" or _part(title, split):
            answers = [text.decode() for text in row["answers"]["text"]]
            starts = row["answers"]["answer_start"].tolist()
            texts = [row[key].decode() for key in ("context", "question", "id")]
            found.append(_passage(texts, answers, starts, "squad"))
    return found


def files(config, split):
    """Reads the user's own questions, in SQuAD's format."""
    if config.directory:
        part = "validation" if split == "test" else "train"
        path = Path(config.directory, f"{part}.json")
        return _articles(path, lambda title: split == "test" or _part(title, split))
    if not config.file:
        raise ValueError(
            "data.file: expected a JSON file in the format of SQuAD 1.1, or with "
            "data.directory a folder with train.json and validation.json."
        )
    return _articles(Path(config.file), lambda title: split_by_hash(title) == split)


def _part(title, split):
    return (split_by_hash(title) == "validation") == (split == "validation")


def _articles(path, wanted):
    """Returns the passages of the articles whose title is wanted."""
    try:
        with open_text(path) as file:
            articles = json.load(file)["data"]
        rows = [
            (article["title"], paragraph["context"], question)
            for article in articles
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
        found = []
        for title, context, row in rows:
            if wanted(title):
                answers = [answer["text"] for answer in row["answers"]]
                starts = [answer["answer_start"] for answer in row["answers"]]
                texts = [context, row["question"], str(row["id"])]
                found.append(_passage(texts, answers, starts, path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON ({error}).") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: not in the format of SQuAD 1.1: data, paragraphs, context, qas, "
            f"id, question, answers, text, answer_start. Missing or of another kind: "
            f"{error}."
        ) from None
    return found


def _passage(texts, answers, starts, place):
    """Returns a `Passage` whose answers stand where they are said to."""
    context, question, name = texts
    for text in (context, question, *answers):
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is no string")
    if not answers:
        raise ValueError(f"{place}: the question {name} has no answer.")
    for text, start in zip(answers, starts, strict=True):
        if not text or context[start : start + len(text)] != text:
            raise ValueError(
                f"{place}: the question {name} has the answer {text!r}, which does not "
                f"stand in its context at character {start}: there stands "
                f"{context[start : start + len(text)]!r}."
            )
    return Passage(context, question, tuple(answers), starts[0], name)


DATASETS = {"stories": stories, "babi": babi, "squad": squad, "files": files}
