"""Exports a finished run as LiteRT files, tried before the version gets its name."""

import shutil
import sys
import tempfile
from pathlib import Path

from apps.common.export.description import sha256_of, write_description
from apps.common.export.litert.conversion import conversion_process, convert
from apps.common.export.litert.graphs import save
from apps.common.export.litert.trial import accuracy, check_answers, check_fused
from apps.common.portable.litert import DYNAMIC, FLOAT, INT8, Network, file_stem
from apps.common.portable.versions import LITERT

MOST_LOSS = 0.1  # of accuracy on the validation split, of a file that is kept


def write_litert(version, predictor, inputs_of, **unused):
    """Writes `litert/` into the directory of a version, if its app has device graphs.

    It has the files of each graph, the vocabulary and labels, and `model.json`: the
    format's number, the app, the settings, and of each graph the file with its SHA-256,
    the quantization, types and shapes of input and output, the operations and, on the
    validation split, the accuracy. A file in int8 that loses more than `MOST_LOSS` is
    left out, which a line says. A model with another cell than the textbook's, or one
    that cannot be converted, gets no files, and one line says so.

    Args:
        version: Directory of the version.
        predictor: The run's `Predictor`.
        inputs_of: A function from the predictor to its `DeviceInputs`.
        unused: The signatures and examples, which other formats take.

    Raises:
        ValueError: If a file answers otherwise than the model.
    """
    graphs = predictor.device_graphs()
    if not graphs:
        return
    directory = Path(version, LITERT.parent)
    # Not in the version; an export that is killed leaves it to the next one to remove.
    beside = tempfile.TemporaryDirectory(dir=directory.parent.parent)
    with beside as scratch, conversion_process() as process:
        saved = Path(scratch, "saved_model")
        try:
            lstms = save(predictor, graphs, saved)
        except ValueError as error:
            print(f"No LiteRT files: {error}", file=sys.stderr)
            return
        inputs = inputs_of(predictor)
        directory.mkdir()
        quantizations = (FLOAT, DYNAMIC, INT8) if inputs.calibration else (FLOAT,)
        files = {
            (name, quantization): directory / f"{file_stem(name, quantization)}.tflite"
            for quantization in quantizations
            for name in graphs
        }
        try:
            convert(process, saved, graphs, files, inputs.calibration)
        except ValueError as error:
            shutil.rmtree(directory)
            print(f"No LiteRT files: {error}", file=sys.stderr)
            return
    entries = {}
    for (name, quantization), path in files.items():
        if path.exists():  # int8 can fail, which `convert` has reported
            network = Network(path.read_bytes(), path)
            check_fused(network, path, lstms[name])
            if quantization == FLOAT:
                check_answers(network, path, predictor, graphs[name], inputs)
            measured = accuracy(network, graphs[name], inputs)
            whole = entries.get(file_stem(name, FLOAT), measured)
            if _loses(measured, whole):
                path.unlink()
                print(
                    f"{path.name} is left out: accuracy {measured['accuracy']:.2%} on "
                    f"the validation split, in float {whole['accuracy']:.2%}.",
                    file=sys.stderr,
                )
                continue
            entries[path.stem] = {
                "file": path.name,
                "sha256": sha256_of(path),
                "graph": name,
                "quantization": quantization,
                **network.description(),
                **measured,
            }
    _report_losses(entries)
    write_description(directory / LITERT.name, predictor, entries)


def _loses(measured, whole):
    """Returns whether a file in int8 loses more accuracy than `MOST_LOSS`."""
    return bool(measured) and whole["accuracy"] - measured["accuracy"] > MOST_LOSS


def _report_losses(entries):
    """Prints the accuracy of each file in one line, if it was measured."""
    measured = {key: entry for key, entry in entries.items() if "accuracy" in entry}
    if measured:
        (clips,) = {entry["validation_inputs"] for entry in measured.values()}
        shown = ", ".join(
            f"{key} {entry['accuracy']:.2%}" for key, entry in sorted(measured.items())
        )
        print(f"LiteRT: accuracy on {clips:,} inputs of the validation split: {shown}.")
