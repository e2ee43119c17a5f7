"""Writes a LiteRT file as a C++ array, for the firmware of a microcontroller."""

import argparse
import importlib.util
import json
import os
from contextlib import contextmanager
from pathlib import Path

from apps.common.portable.description import entry
from apps.common.portable.files import atomic_write
from apps.common.portable.litert import (
    INT8,
    file_stem,
    graph_file,
    litert_directory,
)
from apps.common.portable.terminal import report_errors
from apps.common.portable.versions import LITERT
from apps.speech_commands.streaming.device import DEFAULT_RUN, read_sound_model

BYTES_A_LINE = 12
LARGEST_ARENA, ALIGNMENT = 2**20, 16  # bytes
MICRO = "tflite_micro"  # in no requirements file: the index has nightly builds alone
HEADER = """\
// {file}, written by apps.speech_commands.c_array.
// Operations: {operations}.
#pragma once

constexpr int kSampleRateHz = {rate}, kHop = {hop}, kWindow = {window};
constexpr int kFftLength = {fft_length}, kMelBands = {bands}, kClipFrames = {frames};
constexpr int kLabelCount = {count};
constexpr const char* kLabels[kLabelCount] = {{{labels}}};
{arena}

extern const unsigned char kModel[{size}];
"""
SOURCE = """\
#include "model_data.h"

alignas({alignment}) const unsigned char kModel[{size}] = {{
{content}
}};
"""


def write_c_array(directory, output, name):
    """Writes `model_data.h` and `model_data.cc`; returns their paths.

    Args:
        directory: Run directory with an export, or a `litert/` directory.
        output: Directory for the files.
        name: Key of the graph in `model.json`.

    Raises:
        ValueError: If there is no such graph, or the export is of another app.
    """
    directory, output = litert_directory(directory), Path(output)
    front_end, clip_frames, labels, _ = read_sound_model(directory)
    content, info = graph_file(directory, name)
    place = f"{directory / LITERT.name}: graphs: {name}"
    operations = entry(info, "operations", list, place)
    names = [json.dumps(label, ensure_ascii=False) for label in labels]
    arena = f"// The arena's size is unknown without the package {MICRO}."
    if importlib.util.find_spec(MICRO):
        arena = f"constexpr int kArenaSize = {smallest_arena(content)};  // bytes"
    header = HEADER.format(
        file=info["file"],
        operations=", ".join(operations),
        rate=front_end.sample_rate_hz,
        hop=front_end.hop,
        window=front_end.window,
        fft_length=front_end.fft_length,
        bands=front_end.mel_bands,
        frames=clip_frames,
        count=len(labels),
        labels=", ".join(names),
        arena=arena,
        size=len(content),
    )
    lines = [
        "    " + ", ".join(map(hex, content[n : n + BYTES_A_LINE])) + ","
        for n in range(0, len(content), BYTES_A_LINE)
    ]
    source = SOURCE.format(
        alignment=ALIGNMENT, size=len(content), content="\n".join(lines)
    )
    output.mkdir(parents=True, exist_ok=True)
    paths = [output / "model_data.h", output / "model_data.cc"]
    for path, text in zip(paths, (header, source), strict=True):
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return paths


def smallest_arena(content):
    """Returns the least bytes of memory with which LiteRT for Microcontrollers runs.

    Its values lie in this memory, its weights in the program's.

    Raises:
        ValueError: If it does not run the file with any.
    """
    from tflite_micro.python.tflite_micro import runtime

    def runs(size):
        with _silence():  # it prints why an arena is too small
            try:
                runtime.Interpreter.from_bytes(content, arena_size=size).invoke()
            except RuntimeError:
                return False
        return True

    if not runs(LARGEST_ARENA):
        raise ValueError(
            f"{MICRO}: does not run this file. The graph stream_int8 has operations of "
            "which it knows each."
        )
    too_small, enough = 0, LARGEST_ARENA
    while enough - too_small > ALIGNMENT:
        middle = (too_small + enough) // 2 // ALIGNMENT * ALIGNMENT
        too_small, enough = (too_small, middle) if runs(middle) else (middle, enough)
    return enough


@contextmanager
def _silence():
    """Discards what is written to standard error, by C++ too."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run",
        default=DEFAULT_RUN,
        help="run directory with an export, or its directory litert/ (%(default)s)",
    )
    parser.add_argument(
        "--graph",
        default=file_stem("stream", INT8),
        help="graph in model.json (%(default)s)",
    )
    parser.add_argument("--output", default=".", help="directory for the two files")
    options = parser.parse_args()
    with report_errors():
        for path in write_c_array(options.run, options.output, options.graph):
            print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
