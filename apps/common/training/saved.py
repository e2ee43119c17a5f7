"""Models of finished runs, loaded as what they may be: somebody else's program."""

import zipfile
from pathlib import Path

import keras

from apps.common.portable.run_files import MODEL


def load_model(directory):
    """Returns the model of a run.

    A `.keras` file names layers and functions to build. In safe mode these are Keras's
    and ours, and none whose code stands in the file itself.

    Args:
        directory: Run directory whose training has ended.

    Raises:
        ValueError: If the file is damaged, or holds code.
    """
    path = Path(directory, MODEL)
    try:
        if not zipfile.is_zipfile(path):  # of which Keras says that it is not there
            raise ValueError("It is damaged: its end is missing.")
        return keras.models.load_model(path, safe_mode=True)
    except PermissionError:
        raise
    except Exception as error:  # whatever a damaged file makes Keras raise
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{path} cannot be loaded. {said} If a training here wrote it, remove that "
            "file, and the same training, asked for again, writes it again."
        ) from error
