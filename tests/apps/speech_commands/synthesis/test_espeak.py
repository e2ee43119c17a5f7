"""eSpeak NG's library: the build of each platform, and the system's where none fits."""

import ctypes.util
import json
import os
import platform
import subprocess
import sys
import zipfile

import pytest

from apps.common.data.packages import ESPEAK_NG
from apps.speech_commands.synthesis import espeak

PLATFORMS = {
    ("Linux", "x86_64"): ("linux_x86_64", "libespeak-ng.so"),
    ("Linux", "aarch64"): ("linux_aarch64", "libespeak-ng.so"),
    ("Darwin", "arm64"): ("darwin_arm64", "libespeak-ng.dylib"),
    ("Darwin", "x86_64"): ("darwin_x86_64", "libespeak-ng.dylib"),
    ("Windows", "AMD64"): ("windows_amd64", "espeak-ng.dll"),
    ("Windows", "ARM64"): ("windows_arm64", "espeak-ng.dll"),
}


@pytest.fixture
def pretend(monkeypatch):
    """Pretends a platform, and the library that its system has."""

    def pretend(system, machine, library=None):
        monkeypatch.setattr(platform, "system", lambda: system)
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(ctypes.util, "find_library", {"espeak-ng": library}.get)

    return pretend


@pytest.mark.parametrize("here", PLATFORMS)
def test_each_platform_takes_its_own_build_and_library(
    here, pretend, monkeypatch, tmp_path
):
    build, library = PLATFORMS[here]
    pretend(*here, library="the system's")
    path = tmp_path / "espeak.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in {library for _, library in PLATFORMS.values()}:
            archive.writestr(f"espeakng_loader/{name}", name)
        archive.writestr("espeakng_loader/espeak-ng-data/voices/!v/f1", "a voice")
    fetched, loaded = [], []
    monkeypatch.setattr(espeak, "fetch", lambda name: fetched.append(name) or path)
    monkeypatch.setattr(ctypes, "CDLL", lambda path: loaded.append(read(path)))
    _, data = espeak._unpacked(espeak.fetch_archive())
    assert fetched == [f"espeak_ng_{build}"]
    assert loaded == [(library, library)]
    with data as folder:
        assert read(f"{folder}/{espeak.DATA}/voices/!v/f1") == ("f1", "a voice")
    assert espeak.system_version() is None


def read(path):
    with open(path, encoding="utf-8") as file:
        return os.path.basename(path), file.read()


def test_every_pinned_build_is_one_of_a_platform():
    assert {build for build, _ in PLATFORMS.values()} == set(ESPEAK_NG)


@pytest.mark.parametrize("here", [("Linux", "riscv64"), ("FreeBSD", "amd64")])
def test_without_a_build_and_a_system_library_one_line_tells_what_to_install(
    here, pretend
):
    pretend(*here)
    with pytest.raises(ValueError, match="needs eSpeak NG") as caught:
        espeak.fetch_archive()
    assert str(caught.value) == (
        "Generated speech needs eSpeak NG. Its pinned package has no build for "
        f"{here[0]} on {here[1]}, and the system has no eSpeak NG. Install it (Debian: "
        "apt install libespeak-ng1), or set data.dataset=spoken_digit, speech_commands "
        "or folder."
    )
    assert espeak.system_version() is None


def test_without_a_build_the_library_of_the_system_is_taken(pretend, monkeypatch):
    pretend("Linux", "riscv64", library="libespeak-ng.so.1")
    monkeypatch.setattr(espeak, "fetch", None)
    assert espeak.fetch_archive() is None


def test_a_library_that_does_not_start_is_one_line():
    class Broken:
        def espeak_Initialize(self, *arguments):  # noqa: N802
            return -1

    with pytest.raises(ValueError, match="eSpeak NG does not start on this machine"):
        espeak._start(Broken(), None)


SAY = """
import hashlib, json, sys
from apps.speech_commands.synthesis import espeak
if sys.argv[1:]:
    espeak.platform.machine = lambda: "riscv64"
    espeak.ctypes.util.find_library = lambda name: sys.argv[1]
library = espeak.Synthesizer({"nobody": "language variant\\nformant 1 140 100 100\\n"})
said = [library.say(word, voice, 170, 50, 50)
        for word, voice in (("yes", "en+m1"), ("yes", "en-us+f1"), ("no", "en+m1"),
                          ("yes", "en+nobody"))]
print(json.dumps([library.variants, espeak.system_version(),
                  [[len(one) / library.sample_rate_hz,
                    hashlib.sha1(one.tobytes()).hexdigest()] for one in said]]))
"""
HAS_BUILD = pytest.mark.skipif(
    (platform.system(), platform.machine()) not in PLATFORMS,
    reason="eSpeak NG's package has no build for this platform",
)


def said(*library, **environment):
    output = subprocess.check_output(
        [sys.executable, "-c", SAY, *library],
        env={**os.environ, **environment},
        text=True,
    )
    return json.loads(output)


@pytest.mark.slow
@HAS_BUILD
def test_the_voices_say_the_same_in_another_process():
    variants, version, first = said()
    assert [variants, version, first] == said()
    assert version is None
    assert len({sound for _, sound in first}) == 4
    assert all(0.1 < seconds < 1.5 for seconds, _ in first)


@pytest.mark.slow
@HAS_BUILD
def test_the_same_library_as_that_of_the_system_says_the_same(tmp_path):
    with zipfile.ZipFile(espeak.fetch_archive()) as archive:
        archive.extractall(tmp_path)
    library = str(tmp_path / espeak.LIBRARIES[platform.system()])
    data = tmp_path / espeak.DATA
    variants, version, spoken = said(library, ESPEAK_DATA_PATH=str(data))
    assert version == "1.52.0"
    assert [variants, None, spoken] == said()
    assert not (data / "voices" / "!v" / "nobody").exists()
