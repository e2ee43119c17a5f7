"""Fixtures for summarization: documents of one pattern, and a trained run."""

import json
import random

import pytest

from tests.trained_runs import run_fixtures

NAMES = ("anna", "bo", "carl", "dora", "emil", "fay", "gus", "hal")
JOBS = ("painter", "poet", "king")


@pytest.fixture(scope="session")
def make_documents():
    """Makes pairs of a document and a summary; each name occurs once or twice."""

    def make(count):
        generator = random.Random(1823)
        pairs = []
        for _ in range(count):
            name = f"{generator.choice(NAMES)}{generator.randrange(1000)}"
            job, more = generator.choice(JOBS), " It rained." * generator.randrange(3)
            document = f"In the old town lived {name}, who was a {job}.{more}"
            pairs.append((document, f"{job.capitalize()} {name}"))
        return pairs

    return make


@pytest.fixture(scope="session")
def documents_file(make_documents, once):
    """A user's JSON Lines file of 300 documents."""

    def make(directory):
        directory.mkdir()
        rows = [{"document": d, "summary": s} for d, s in make_documents(300)]
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        (directory / "documents.jsonl").write_text(text, encoding="utf-8")

    return once("documents", make) / "documents.jsonl"


@pytest.fixture(scope="session")
def summarization_config(documents_file):
    """A summarization recipe that trains in seconds."""
    from apps.summarization import config

    return config.Config(
        data=config.DataConfig(dataset="files", file=str(documents_file)),
        model=config.ModelConfig(
            embedding_dim=12,
            units=12,
            embedding_dropout=0.1,
            dropout=0.1,
            coverage=True,
        ),
        train=config.TrainConfig(
            epochs=4,
            batch_size=16,
            learning_rate=0.03,
            average_momentum=0.9,
            coverage_weight=0.5,
        ),
        decode=config.DecodeConfig(beam=3, max_length=5),
    )


summarization_run, finished_summarization_run = run_fixtures(
    "summarization", "summarization_config"
)
