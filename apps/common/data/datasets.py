"""Loads published data sets with tensorflow-datasets; fails fast without a network."""

import os
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from apps.common.portable.files import exclusive_lock

PUBLISHER = "storage.googleapis.com"
PROBE_TIMEOUT_S = 3


def load_dataset(name, split):
    """Loads a split as `Records`, one dictionary per example.

    A prepared data set is read from `$TFDS_DATA_DIR` (default
    `~/tensorflow_datasets`). Any other is downloaded and prepared there.

    Args:
        name: Name in the tensorflow-datasets catalogue, such as "glue/sst2".
        split: Name of the split.

    Raises:
        ValueError: If the data set is damaged or cannot be downloaded.
    """
    import tensorflow_datasets as tfds  # takes half a second
    from google.protobuf.json_format import ParseError

    directory = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    directory = Path(directory).expanduser()
    prepared = _is_prepared(directory / name)
    if not prepared and not _is_reachable(f"https://{PUBLISHER}"):
        raise ValueError(
            f"The data set {name} is not in {directory} and cannot be downloaded: "
            f"{PUBLISHER} does not answer. Set TFDS_DATA_DIR to the directory that "
            f"holds {name.split('/')[0]}/, or connect to the network."
        )
    try:
        with ExitStack() as stack:
            if not prepared:  # one process prepares it, the others wait
                directory.mkdir(parents=True, exist_ok=True)
                stack.enter_context(exclusive_lock(directory))
                prepared = _is_prepared(directory / name)
            dataset = tfds.load(
                name,
                split=split,
                data_dir=directory,
                download=not prepared,
                shuffle_files=False,
                read_config=tfds.ReadConfig(try_autocache=False),
            )
        return Records(dataset, directory / name)
    except ParseError as error:
        raise ValueError(
            f"{directory / name}: a dataset_info.json in it is damaged "
            f"({' '.join(str(error).split())}). Delete this directory; the next run "
            "prepares the data set again."
        ) from None
    except AssertionError:  # raised by tensorflow-datasets for a missing version
        raise ValueError(
            f"The data set {name} in {directory} has a version that the installed "
            "tensorflow-datasets does not read. Delete it to prepare it again, or set "
            "TFDS_DATA_DIR to another directory."
        ) from None


def _is_prepared(directory):
    patterns = ("*/dataset_info.json", "*/*/dataset_info.json")
    return any(path for pattern in patterns for path in directory.glob(pattern))


class Records:
    """Wraps a `tf.data.Dataset` so that its errors name the damaged file.

    TFRecord files have a checksum per record. The metadata of the data set has the
    number of records.

    Args:
        dataset: The `tf.data.Dataset`.
        directory: Directory of its files.
    """

    def __init__(self, dataset, directory):
        self._dataset, self._directory = dataset, directory

    def __getattr__(self, name):
        """Returns an attribute of the wrapped dataset."""
        return getattr(self._dataset, name)

    def batch(self, size):
        """Returns the same records in batches."""
        return Records(self._dataset.batch(size), self._directory)

    def as_numpy_iterator(self):
        """Yields the records.

        Raises:
            ValueError: If a file is damaged.
        """
        import tensorflow as tf

        errors = tf.errors
        try:
            yield from self._dataset.as_numpy_iterator()
        except (
            errors.DataLossError,
            errors.FailedPreconditionError,
            errors.NotFoundError,
        ) as error:
            damaged = [
                path
                for path in sorted(self._directory.rglob("*.tfrecord*"))
                if not _is_complete(path)
            ]
            where = damaged[0] if damaged else self._directory
            raise ValueError(
                f"{where} is damaged or incomplete ({error.message}). Delete "
                f"{where.parent if damaged else where}; the next run prepares the data "
                "set again."
            ) from None


def _is_complete(path):
    import tensorflow as tf

    try:
        return sum(1 for _ in tf.data.TFRecordDataset(str(path))) > 0
    except tf.errors.OpError:
        return False


def _is_reachable(url):
    """Returns whether a URL answers in time; in a thread, as DNS has no timeout."""
    answered = threading.Event()

    def ask():
        try:
            urllib.request.urlopen(url, timeout=PROBE_TIMEOUT_S).close()
        except urllib.error.HTTPError:
            answered.set()
        except OSError:
            pass
        else:
            answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_TIMEOUT_S)
    return answered.is_set()
