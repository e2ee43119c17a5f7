"""Runs the models of a `litert/` directory; needs NumPy and ai-edge-litert alone."""

from pathlib import Path

import numpy as np

from apps.common.portable.description import (
    AGAIN,
    checked_bytes,
    entry,
    file_entry,
    read_json,
)
from apps.common.portable.run_files import EXPORTS, LABELS
from apps.common.portable.versions import LITERT, newest_version

FLOAT, DYNAMIC, INT8 = "float", "dynamic", "int8"  # how weights and values are kept
IDENTIFIER = slice(4, 8), b"TFL3"  # of every LiteRT file
STATES = "inside the file; carried from call to call until they are reset"


def file_stem(graph, quantization):
    """Returns the name of a graph's file without its suffix, its key in `model.json`.

    >>> file_stem("stream", FLOAT), file_stem("stream", INT8)
    ('stream', 'stream_int8')
    """
    return graph if quantization == FLOAT else f"{graph}_{quantization}"


def litert_directory(directory):
    """Returns the `litert/` directory of a run, or the directory itself if it is one.

    Args:
        directory: Run directory with an export, or a `litert/` directory.

    Raises:
        ValueError: If the run has no such export.
    """
    directory = Path(directory)
    if (directory / LITERT.name).exists():
        return directory
    versions = map(newest_version, sorted(directory.glob(f"{EXPORTS}/*/")))
    version = next(filter(None, versions), None)
    if version is None:
        raise ValueError(f"{directory}: there is no export. Run the verb export first.")
    if not (version / LITERT).exists():
        raise ValueError(
            f"{version}: the export has no LiteRT files. Apps with LiteRT files are "
            "speech commands, sentiment and language modeling; of an older export, "
            "delete the version and export again."
        )
    return (version / LITERT).parent


def read_description(directory, app=None):
    """Reads `model.json` of a `litert/` directory.

    Args:
        directory: A `litert/` directory.
        app: Name that the app must have; by default it may have any.

    Raises:
        ValueError: If it is missing, damaged, of another format or of another app.
    """
    path = Path(directory, LITERT.name)
    content = read_json(path)
    entry(content, "app", str, path)
    for key in ("graphs", "files", "settings"):
        entry(content, key, dict, path)
    if app not in (None, content["app"]):
        raise ValueError(
            f"{path}: expected an export of the app {app!r}. Received: "
            f"{content['app']!r}. Name a run of {app!r}, or its directory litert/."
        )
    return content


def graph_file(directory, name):
    """Returns the content of a graph's file, and its entry in `model.json`.

    Args:
        directory: A `litert/` directory.
        name: Key of the graph in `model.json`.

    Raises:
        ValueError: If there is no such graph, or its file is not the exported one.
    """
    path = Path(directory, LITERT.name)
    graphs = read_description(directory)["graphs"]
    if name not in graphs:
        raise ValueError(
            f"{path}: expected a graph {name!r}. Received: "
            f"{', '.join(sorted(graphs)) or 'none'}."
        )
    info = entry(graphs, name, dict, f"{path}: graphs")
    place = f"{path}: graphs: {name}"
    file = file_entry(info, directory, place)
    return checked_bytes(file, entry(info, "sha256", str, place)), info


def read_labels(directory):
    """Returns the names of the labels, or None if the app has none.

    Raises:
        ValueError: If the file is missing, or is not the exported one.
    """
    files = read_description(directory)["files"]
    if LABELS not in files:
        return None
    sha256 = entry(files, LABELS, str, f"{Path(directory, LITERT.name)}: files")
    text = checked_bytes(Path(directory, LABELS), sha256).decode("utf-8")
    return text.rstrip("\n").split("\n")


class Network:
    """Runs a LiteRT file on one sequence at a time.

    The states of its LSTMs are inside the file's variables: they carry on from call to
    call until `reset` sets them to zero. One object serves one stream, in one thread.

    Args:
        content: The bytes of the file.
        path: Its path, for messages.

    Attributes:
        operations: Names of the file's operations.

    Raises:
        ValueError: If ai-edge-litert is not installed, or does not load the file.
    """

    def __init__(self, content, path):
        try:
            from ai_edge_litert import interpreter as litert
        except ImportError:
            raise ValueError(
                "--engine litert: the package ai-edge-litert is missing. Install the "
                "version that requirements.txt names."
            ) from None
        place, identifier = IDENTIFIER
        if content[place] != identifier:
            raise ValueError(f"{path}: not a LiteRT file. {AGAIN}")
        # XNNPACK, the default, is no faster for LSTMs and prints a line at each load.
        resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            self._interpreter = litert.Interpreter(
                model_content=content,
                experimental_op_resolver_type=resolver,
                num_threads=1,
            )
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: LiteRT does not load it: {reason}") from None
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()
        self._shape = tuple(self._input["shape"])
        details = self._interpreter._get_ops_details()  # there is no public way
        self.operations = [operation["op_name"] for operation in details]
        self.reset()

    def description(self):
        """Returns inputs, outputs and operations; None is any number of timesteps."""
        (signature,) = self._interpreter.get_signature_list().values()
        sides = {}
        for side, details in (("inputs", self._input), ("outputs", self._output)):
            shape = [None if n < 0 else int(n) for n in details["shape_signature"]]
            spec = {"dtype": details["dtype"].__name__, "shape": shape}
            sides[side] = dict.fromkeys(signature[side], spec)
        return {**sides, "states": STATES, "operations": sorted(set(self.operations))}

    def reset(self):
        """Sets the states to zero, as before the first timestep of a sequence."""
        self._interpreter.reset_all_variables()

    def __call__(self, sequence):
        """Computes the next timesteps; the states carry on.

        Args:
            sequence: Array of the input's type, `(1, timesteps, ...)`. A file for one
                timestep is called once for each.

        Returns:
            float32 `(1, timesteps, ...)`, or without timesteps if the file pools them.
        """
        if self._input["shape_signature"][1] != 1:
            return self._run(sequence)
        steps = np.split(sequence, sequence.shape[1], axis=1)
        return np.concatenate([self._run(step) for step in steps], axis=1)

    def _run(self, array):
        if array.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input["index"], array.shape)
            self._interpreter.allocate_tensors()
            self._shape = array.shape
        self._interpreter.set_tensor(self._input["index"], array)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output["index"])


def load_network(directory, name):
    """Returns the `Network` of a graph in a `litert/` directory.

    Args:
        directory: A `litert/` directory.
        name: Key of the graph in `model.json`.

    Raises:
        ValueError: If its file is missing, or is not the exported one.
    """
    content, info = graph_file(directory, name)
    return Network(content, Path(directory, info["file"]))
