"""Recognizes words in the user's files, by any engine's function of the model."""

from pathlib import Path

import numpy as np

from apps.common.answers import Answers as Base
from apps.common.portable.audio import read_audio
from apps.speech_commands.audio_files import sound_rows
from apps.speech_commands.config import Config


class Answers(Base):
    """The words in sound files."""

    name, config_class, inputs = "speech_commands", Config, {"file": ""}

    def predict(self, files):
        """Returns a dictionary with `file`, `label` and `probabilities` per file.

        Args:
            files: Paths of audio files of any sample rate.

        Raises:
            ValueError: If a file cannot be read.
        """
        answers = []
        for file in files:
            outputs = self.answer(self.read(file))
            outputs = {name: np.asarray(value)[0] for name, value in outputs.items()}
            probabilities = outputs["probabilities"].tolist()
            answers.append(
                {
                    "file": str(file),
                    "label": outputs["label"].decode(),
                    "probabilities": dict(zip(self.labels, probabilities, strict=True)),
                }
            )
        return answers

    def rows(self, path, data):
        """Returns the rows of a sound file, of a folder of them, or of a list of files.

        Args:
            path: Path of a sound file, of a folder, of a table with the column `file`,
                or of a text file with a path a line.
            data: A `DataConfig`.

        Raises:
            ValueError: If the file as a whole is wrong; also while it is iterated.
        """
        return sound_rows(Path(path)) or super().rows(path, data)

    def read(self, file):
        """Reads an audio file; returns its resampled waveform, `(1, samples)`."""
        return read_audio(file, self.config.data.sample_rate_hz)[np.newaxis]
