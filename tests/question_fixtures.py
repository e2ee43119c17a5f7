"""Fixtures for question answering: bAbI files, articles, and two trained runs."""

import json
import random

import pytest

from tests.trained_runs import run_fixtures

PLACES = ("kitchen", "garden", "office")
NAMES = ("Mary", "John", "Sandra")


@pytest.fixture(scope="session")
def babi_folder(once):
    """A folder with bAbI's layout: task 1, and task 3 without its training file."""
    generator = random.Random(20)

    def stories(count):
        lines = []
        for _ in range(count):
            at = {}
            for turn in range(2):
                name, place = generator.choice(NAMES), generator.choice(PLACES)
                at[name] = (place, 2 * turn + 1)
                lines.append(f"{2 * turn + 1} {name} went to the {place}.")
                person, (place, fact) = generator.choice(list(at.items()))
                lines.append(f"{2 * turn + 2} Where is {person}? \t{place}\t{fact}")
        return "\n".join(lines) + "\n"

    def make(folder):
        folder.mkdir()
        (folder / "qa1_single-supporting-fact_train.txt").write_text(stories(150))
        (folder / "qa1_single-supporting-fact_test.txt").write_text(stories(30))
        (folder / "qa3_three-supporting-facts_test.txt").write_text(stories(3))

    return once("babi", make)


@pytest.fixture(scope="session")
def articles_folder(once):
    """A folder with train.json and validation.json in SQuAD's format."""
    generator = random.Random(11)

    def article(title):
        paragraphs = []
        for number in range(8):
            year, name = str(generator.randrange(1200, 2000)), f"N{number}ä {title}"
            context = f"In the year {year}, {name} was built of stone. It is tall."
            pairs = (("When was it built?", year), ("What was built?", name))
            paragraphs.append(
                {
                    "context": context,
                    "qas": [
                        {
                            "id": f"{title}-{number}-{question[:4]}",
                            "question": question,
                            "answers": [
                                {"text": text, "answer_start": context.index(text)}
                            ],
                        }
                        for question, text in pairs
                    ],
                }
            )
        return {"title": title, "paragraphs": paragraphs}

    def make(folder):
        folder.mkdir()
        for name, count in (("train", 24), ("validation", 3)):
            data = [article(f"{name} {number}") for number in range(count)]
            text = json.dumps({"version": "1.1", "data": data})
            (folder / f"{name}.json").write_text(text)

    return once("articles", make)


@pytest.fixture(scope="session")
def question_config(babi_folder):
    """A recipe for stories that trains in seconds."""
    from apps.question_answering import config

    return config.Config(
        data=config.DataConfig(dataset="babi", directory=str(babi_folder)),
        model=config.ModelConfig(
            embedding_dim=12, units=16, embedding_dropout=0.1, dropout=0.1, hops=2
        ),
        train=config.TrainConfig(
            epochs=6, batch_size=16, learning_rate=0.03, average_momentum=0.9
        ),
    )


question_run, finished_question_run = run_fixtures(
    "question_answering", "question_config"
)


@pytest.fixture(scope="session")
def passage_config(articles_folder):
    """A recipe for passages that trains in seconds."""
    from apps.question_answering import config

    return config.Config(
        data=config.DataConfig(
            dataset="files", directory=str(articles_folder), min_count=2
        ),
        model=config.ModelConfig(
            embedding_dim=12, units=10, embedding_dropout=0.0, dropout=0.0
        ),
        train=config.TrainConfig(
            epochs=3, batch_size=16, learning_rate=0.03, average_momentum=0.9
        ),
    )


passage_run, finished_passage_run = run_fixtures("question_answering", "passage_config")
