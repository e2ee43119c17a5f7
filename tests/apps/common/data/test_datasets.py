"""Published data sets: read if prepared, else refused at once without a network."""

import functools
import time
import urllib.request

import numpy as np
import pytest

from apps.common.data import datasets
from apps.common.data.datasets import load_dataset

ABSENT = "glue/sst2"


@pytest.fixture(autouse=True)
def directory(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def network(monkeypatch):
    """Returns a function that replaces `urlopen` by a given function."""

    def answer(function):
        def urlopen(url, timeout=None):
            assert timeout is not None
            return function()

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)

    return answer


def unreachable():
    raise urllib.error.URLError("Temporary failure in name resolution")


@functools.cache
def builder():
    """Returns a class, made once: tensorflow-datasets registers its name."""
    import tensorflow_datasets as tfds

    class TinyReviews(tfds.core.GeneratorBasedBuilder):
        """Three reviews."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            label = tfds.features.Scalar(np.int64)
            features = {"text": tfds.features.Text(), "label": label}
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for number, text in enumerate(("good", "bad", "fine")):
                yield number, {"text": text, "label": number}

    return TinyReviews


@pytest.fixture
def tiny_reviews(directory):
    """Prepares a data set of three reviews in TFDS_DATA_DIR; returns its name."""
    builder()(data_dir=directory).download_and_prepare()
    return "tiny_reviews"


@pytest.mark.parametrize("name", [ABSENT, "imdb_reviews", "no_such_set"])
def test_an_absent_set_without_a_network_is_refused_with_the_way_out(
    name, network, directory
):
    network(unreachable)
    with pytest.raises(
        ValueError, match="Set TFDS_DATA_DIR to the directory"
    ) as caught:
        load_dataset(name, "train")
    message = str(caught.value)
    assert f"The data set {name} is not in {directory}" in message
    assert f"holds {name.split('/')[0]}/" in message
    assert "\n" not in message


def test_a_name_look_up_that_hangs_is_cut_off(network):
    import tensorflow_datasets  # noqa: F401 - so that its import is not timed

    network(lambda: time.sleep(8) or unreachable())
    began = time.monotonic()
    with pytest.raises(ValueError, match="TFDS_DATA_DIR"):
        load_dataset(ABSENT, "train")
    assert time.monotonic() - began < 5


def test_a_directory_of_another_set_is_not_the_set(network, directory):
    (directory / "glue" / "cola" / "2.0.0").mkdir(parents=True)
    (directory / "glue" / "cola" / "2.0.0" / "dataset_info.json").write_text("{}")
    network(unreachable)
    with pytest.raises(ValueError, match="The data set glue/sst2 is not in"):
        load_dataset(ABSENT, "train")


def test_a_prepared_set_is_read_without_asking_the_network(tiny_reviews, monkeypatch):
    monkeypatch.setattr(datasets, "_is_reachable", None)
    rows = list(load_dataset(tiny_reviews, "train").as_numpy_iterator())
    assert sorted((r["text"], r["label"]) for r in rows) == [
        (b"bad", 1),
        (b"fine", 2),
        (b"good", 0),
    ]


@pytest.mark.parametrize("answers", [True, False])
def test_an_absent_set_is_asked_for_only_if_its_publisher_answers(
    answers, network, monkeypatch, directory
):
    import tensorflow_datasets as tfds

    calls = []
    network((lambda: open("/dev/null")) if answers else unreachable)  # noqa: SIM115
    monkeypatch.setattr(tfds, "load", lambda *a, **k: calls.append((a, k)))
    if answers:
        load_dataset(ABSENT, "validation")
        (((name,), options),) = calls
        assert name == ABSENT
        assert options["split"] == "validation"
        assert options["download"] is True
        assert options["data_dir"] == directory
    else:
        with pytest.raises(ValueError, match="cannot be downloaded"):
            load_dataset(ABSENT, "validation")
        assert calls == []


def test_a_publisher_that_answers_with_an_error_is_there(network):
    def refuse():
        raise urllib.error.HTTPError("https://x", 400, "Bad Request", {}, None)

    network(refuse)
    assert datasets._is_reachable("https://x")


def test_a_prepared_set_of_another_version_is_refused(network, directory):
    (directory / "imdb_reviews" / "plain_text" / "0.1.0").mkdir(parents=True)
    info = directory / "imdb_reviews" / "plain_text" / "0.1.0" / "dataset_info.json"
    info.write_text("{}")
    network(unreachable)
    with pytest.raises(ValueError, match="TFDS_DATA_DIR"):
        load_dataset("imdb_reviews", "train")


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "absent"])
def test_a_damaged_file_of_a_prepared_set_is_named(damage, tiny_reviews, directory):
    (path,) = (directory / tiny_reviews).rglob("*.tfrecord*")
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 0xFF
    parts = {"cut": whole[: len(whole) // 2], "changed": bytes(changed), "empty": b""}
    if damage == "absent":
        path.unlink()
    else:
        path.write_bytes(parts[damage])
    for read in (lambda rows: rows, lambda rows: rows.batch(2)):
        with pytest.raises(ValueError, match="is damaged or incomplete") as caught:
            list(read(load_dataset(tiny_reviews, "train")).as_numpy_iterator())
        message = str(caught.value)
        assert message.startswith(str(path if damage != "absent" else directory))
        assert "the next run prepares the data set again." in message
        assert "\n" not in message


def test_a_damaged_description_of_a_prepared_set_is_named(tiny_reviews, directory):
    (path,) = (directory / tiny_reviews).rglob("dataset_info.json")
    path.write_text(path.read_text()[:200])
    with pytest.raises(
        ValueError, match=r"a dataset_info\.json in it is dam"
    ) as caught:
        load_dataset(tiny_reviews, "train")
    assert str(caught.value).startswith(str(directory / tiny_reviews))
    assert "\n" not in str(caught.value)
