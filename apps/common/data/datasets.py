"""Published data sets through tensorflow-datasets, refused at once if out of reach."""

import os
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from apps.common.portable.files import exclusive_lock

SECONDS_TO_ANSWER = 3


def load_dataset(name, split):
    """Returns a split as `Records`: dictionaries, one an example.

    A prepared set is read from `$TFDS_DATA_DIR` (default `~/tensorflow_datasets`);
    another is downloaded and prepared there.

    Args:
        name: Name in the tensorflow-datasets catalogue, such as "glue/sst2".
        split: Name of the split.

    Raises:
        ValueError: If the set is damaged, or is not there and its publisher cannot be
            reached.
    """
    import tensorflow_datasets as tfds  # half a second that only these sets cost
    from google.protobuf.json_format import ParseError

    directory = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    directory = Path(directory).expanduser()
    prepared = _is_prepared(directory / name)
    if not prepared and not _reaches("https://storage.googleapis.com"):
        raise ValueError(
            f"The data set {name} is not in {directory}, and it cannot be downloaded: "
            "there is no way to its publisher. Set TFDS_DATA_DIR to the directory that "
            f"holds {name.split('/')[0]}/, or run where there is a network."
        )
    try:
        with ExitStack() as stack:
            if not prepared:  # one process prepares it, the others wait
                directory.mkdir(parents=True, exist_ok=True)
                stack.enter_context(exclusive_lock(directory))
                prepared = _is_prepared(directory / name)
            found = tfds.load(
                name,
                split=split,
                data_dir=directory,
                download=not prepared,
                shuffle_files=False,
                read_config=tfds.ReadConfig(try_autocache=False),
            )
        return Records(found, directory / name)
    except ParseError as error:
        raise ValueError(
            f"{directory / name}: a dataset_info.json in it is damaged "
            f"({' '.join(str(error).split())}). Remove it, and the set is made anew."
        ) from None
    except AssertionError:  # how tensorflow-datasets says that a version is not there
        raise ValueError(
            f"The data set {name} in {directory} is of another version than this "
            "tensorflow-datasets reads. Remove it, or set TFDS_DATA_DIR elsewhere."
        ) from None


def _is_prepared(directory):
    patterns = ("*/dataset_info.json", "*/*/dataset_info.json")
    return any(path for pattern in patterns for path in directory.glob(pattern))


class Records:
    """A `tf.data.Dataset` that says which of its files is damaged.

    Each record has a checksum, and it is known how many there are.

    Args:
        dataset: The data set.
        directory: Where its files lie.
    """

    def __init__(self, dataset, directory):
        self._dataset, self._directory = dataset, directory

    def __getattr__(self, name):
        """Returns an attribute of the data set."""
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
                if not _is_whole(path)
            ]
            where = damaged[0] if damaged else self._directory
            raise ValueError(
                f"{where} is damaged or not whole ({error.message}). Remove "
                f"{where.parent if damaged else where}, and the set is made anew."
            ) from None


def _is_whole(path):
    import tensorflow as tf

    try:
        return sum(1 for _ in tf.data.TFRecordDataset(str(path))) > 0
    except tf.errors.OpError:
        return False


def _reaches(url):
    """Whether the address answers; a name look-up has no time limit of its own."""
    answered = threading.Event()

    def ask():
        try:
            urllib.request.urlopen(url, timeout=SECONDS_TO_ANSWER).close()
        except urllib.error.HTTPError:
            answered.set()
        except OSError:
            pass
        else:
            answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS_TO_ANSWER)
    return answered.is_set()
