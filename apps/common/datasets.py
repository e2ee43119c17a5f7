"""Published data sets through tensorflow-datasets, refused at once if out of reach."""

import os
import threading
import urllib.request
from pathlib import Path

SECONDS_TO_ANSWER = 3


def load_dataset(name, split):
    """Returns a split as a `tf.data.Dataset` of dictionaries, one an example.

    A prepared set is read from `$TFDS_DATA_DIR` (default `~/tensorflow_datasets`);
    another is downloaded and prepared there.

    Args:
        name: Name in the tensorflow-datasets catalogue, such as "glue/sst2".
        split: Name of the split.

    Raises:
        ValueError: If the set is not there and its publisher cannot be reached.
    """
    import tensorflow_datasets as tfds  # half a second that only these sets cost

    directory = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    directory = Path(directory).expanduser()
    prepared = any((directory / name).glob("*/dataset_info.json")) or any(
        (directory / name).glob("*/*/dataset_info.json")
    )
    if not prepared and not _reaches("https://storage.googleapis.com"):
        raise ValueError(
            f"The data set {name} is not in {directory}, and it cannot be downloaded: "
            "there is no way to its publisher. Set TFDS_DATA_DIR to the directory that "
            f"holds {name.split('/')[0]}/, or run where there is a network."
        )
    try:
        return tfds.load(
            name,
            split=split,
            data_dir=directory,
            download=not prepared,
            shuffle_files=False,
            read_config=tfds.ReadConfig(try_autocache=False),
        )
    except AssertionError:  # how tensorflow-datasets says that a version is not there
        raise ValueError(
            f"The data set {name} in {directory} is of another version than this "
            "tensorflow-datasets reads. Remove it, or set TFDS_DATA_DIR elsewhere."
        ) from None


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
