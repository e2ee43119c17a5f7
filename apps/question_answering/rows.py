"""Reads the user's questions to be answered: SQuAD's format, stories and lines."""

from apps.common.data.rows import Row, input_row
from apps.common.data.values import is_visible
from apps.common.portable.files import open_text
from apps.question_answering.sources import BABI_LINE, babi_lines, read_json
from apps.question_answering.stories import Story, context_of

SEPARATOR, INPUTS = "|||", ("context", "question")


def question_rows(path, encoding):
    """Returns the rows of a file of questions that is not a table, each a `Row`.

    Args:
        path: Path of a .json file in SQuAD's format, or of a text: a story file of
            bAbI's if its first line is numbered 1, else "context ||| question" a line.
        encoding: The setting `data.encoding`.

    Raises:
        ValueError: If the file as a whole is wrong; also while it is iterated.
    """
    if path.suffix.lower() == ".json":
        return _articles(path, encoding)
    return (
        _stories(path, encoding)
        if _is_story(path, encoding)
        else _lines(path, encoding)
    )


def pair(line):
    """Returns context and question of a "context ||| question", stripped.

    Raises:
        ValueError: If the line has no separator.
    """
    context, separator, question = line.rpartition(SEPARATOR)
    if not separator:
        raise ValueError(
            f'Expected "context {SEPARATOR} question". Received: {line[:80]!r}.'
        )
    return context.strip(), question.strip()


def _lines(path, encoding):
    with open_text(path, encoding) as file:
        for line, text in enumerate(file, 1):
            place, text = f"{path}:{line}", text.removesuffix("\n")
            try:
                texts = pair(text)
            except ValueError as error:
                columns = {"context": text}
                yield Row(place, columns, INPUTS, fault=f"{place}: {error}")
            else:
                columns = dict(zip(INPUTS, texts, strict=True))
                yield input_row(place, columns, INPUTS)


def _is_story(path, encoding):
    with open_text(path, encoding) as file:
        first = next((line for line in file if line.strip()), "").removesuffix("\n")
    named = BABI_LINE.fullmatch(first)
    return bool(named) and int(named[1]) == 1 and SEPARATOR not in first


def _stories(path, encoding):
    sentences = []
    for line in babi_lines(path, encoding, answered=False):
        if line.number == 1:
            sentences = []
        if line.answer is None:
            sentences.append(line.text.rstrip("."))
            continue
        story = Story(tuple(sentences), line.text, line.answer, "", ())
        columns = {"context": context_of(story), "question": line.text}
        columns = {"line": line.line, **columns, "answer": line.answer}
        yield input_row(f"{path}:{line.line}", columns, INPUTS)


def _articles(path, encoding):
    """Yields the questions of SQuAD's format, with all that is known of each.

    A question needs neither an answer nor an id.
    """
    content = read_json(path, encoding)
    try:
        questions = [
            ({"title": article.get("title"), "context": paragraph["context"]}, question)
            for article in content["data"]
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: not in the format of SQuAD, with the keys data, paragraphs, "
            f"context, qas and question. Missing, or of the wrong type: {error}."
        ) from None
    for number, (columns, question) in enumerate(questions, 1):
        if not isinstance(question, dict):
            question = {"question": question}
        columns = {**question, **columns}
        place = f"{path}: question {columns.get('id', f'number {number}')}"
        texts = tuple(columns.get(key) for key in INPUTS)
        wrong = [key for key in INPUTS if not _is_text(columns.get(key))]
        fault = f"{place}: no {' and no '.join(wrong)}." if wrong else ""
        yield Row(place, columns, INPUTS, None if wrong else texts, fault)


def _is_text(value):
    return isinstance(value, str) and is_visible(value)
