"""Loads the model of a finished run, in Keras's safe mode."""

import zipfile
from pathlib import Path

import keras

from apps.common.portable.run_files import BEST, MODEL
from apps.common.portable.terminal import first_line


def load_model(directory):
    """Loads the model of a run.

    A `.keras` file names the layers and functions to build. Safe mode builds those of
    Keras and of this project, and refuses those whose code is in the file.

    Args:
        directory: Run directory with a finished training.

    Raises:
        ValueError: If the file is damaged or contains code.
    """
    path = Path(directory, MODEL)
    try:
        if not zipfile.is_zipfile(path):  # Keras would report a missing file
            raise ValueError("It is damaged: its end is missing.")
        with zipfile.ZipFile(path) as archive:  # reading it, Python 3.13 checks nothing
            if (damaged := archive.testzip()) is not None:
                raise ValueError(f"It is damaged: {damaged} is not what was written.")
        return keras.models.load_model(path, safe_mode=True)
    except PermissionError:
        raise
    except Exception as error:  # whatever a damaged file makes Keras raise
        raise ValueError(
            f"{path} cannot be loaded. {first_line(error)} Delete it and run the "
            f"training command again: the weights are in {BEST}."
        ) from error
