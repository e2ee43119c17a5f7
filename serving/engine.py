"""What the engines share: a model of any of them, and its signatures.

An engine computes the signatures of one exported model: `tensorflow_engine.py` from its
SavedModel, `onnx_engine.py` from its `onnx/` directory.
"""

import functools
from pathlib import Path

import numpy as np

from apps.common.portable.versions import CELL
from serving.specs import write_metadata

DEFAULT_SIGNATURE = "serving_default"
MAX_BATCH_ROWS = 64  # computed at once, as by TensorFlow Serving


class RequestError(Exception):
    """A request that is refused, with its HTTP status."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Signature:
    """One function of a model.

    Args:
        inputs: `Spec` by name.
        outputs: `Spec` by name.
        compute: Function from arrays by input name to arrays by output name, for all
            rows at once. Strings are bytes in object arrays. It raises `RequestError`
            if it refuses the input.
        tensors: Dictionaries `inputs` and `outputs` with the graph's names of them, for
            the metadata. By default `NAME:0`.
        bounded: Whether the size of the inputs bounds the time to compute. It does not
            if an input says how many words to generate.

    Attributes:
        joins: Whether requests may be batched. They may if every output has a batch
            dimension and fixed sizes after it, so that no row can change the shape of
            another row's outputs.
    """

    def __init__(self, inputs, outputs, compute, tensors=None, bounded=False):
        self.inputs = dict(sorted(inputs.items()))
        self.outputs = dict(sorted(outputs.items()))
        self.compute, self.tensors, self.bounded = compute, tensors or {}, bounded
        self._batched = [name for name, spec in self.inputs.items() if spec.has_rows]
        self.joins = all(
            spec.shape and None not in spec.shape[1:] for spec in outputs.values()
        )

    def __call__(self, arrays):
        """Computes the outputs, arrays by name, from the inputs, arrays by name.

        At most `MAX_BATCH_ROWS` rows are computed at once, since one long row makes all
        rows beside it as long. More are computed in slices if requests may be joined.

        Raises:
            RequestError: If the model refuses the input, if memory does not suffice, or
                if there are more rows and the outputs of slices cannot be joined.
        """
        rows = max((len(arrays[name]) for name in self._batched), default=0)
        if rows <= MAX_BATCH_ROWS:
            return self.compute(arrays)
        parts, sizes = [], []
        while self.joins and sum(sizes) < rows:
            start = sum(sizes)
            stop = min(start + MAX_BATCH_ROWS, rows)
            part = {name: arrays[name][start:stop] for name in self._batched}
            parts.append(self.compute({**arrays, **part}))
            sizes.append(stop - start)
            if any(len(value) != sizes[-1] for value in parts[-1].values()):
                self.joins = False  # its outputs have no batch dimension
        if not self.joins:
            raise RequestError(
                400,
                f"Expected at most {MAX_BATCH_ROWS} rows, since the outputs of several "
                f"calls cannot be joined. Received: {rows}. Send several requests.",
            )
        return {
            name: np.concatenate([part[name] for part in parts]) for name in parts[0]
        }


class Model:
    """One loaded version of an exported model; a subclass for each engine.

    Args:
        name: Name under which it is served.
        path: Directory of the version, whose name is its number.

    Attributes:
        signatures: `Signature` by name.
    """

    GRAPH = None  # the file without which a version is incomplete, relative to it

    def __init__(self, name, path):
        """Loads the version and warms it up."""
        self.prepare()
        self.name, self.path, self.version = name, Path(path), int(Path(path).name)
        self.signatures = dict(sorted(self.load().items()))
        self.warm_up()

    @classmethod
    def prepare(cls):
        """Imports the engine, before several threads would at once.

        Raises:
            ValueError: If it is not installed.
        """

    def load(self):
        """Returns the `Signature`s by name.

        Raises:
            ValueError: If the version cannot be loaded.
        """
        raise NotImplementedError

    def warm_up(self):
        """Runs requests, so that the first of a client is as fast as the others."""

    def signature(self, name):
        """Returns the signature of a name.

        Raises:
            RequestError: If the model has no such signature.
        """
        if name not in self.signatures:
            known = ", ".join(self.signatures)
            raise RequestError(
                400, f'Serving signature name: "{name}" not found. Known: {known}.'
            )
        return self.signatures[name]

    def cell(self):
        """Returns the path of the data with which the page computes the model.

        Raises:
            RequestError: If the version has none.
        """
        if not self.cell_bytes():
            raise RequestError(
                404,
                f"{self.name}, version {self.version}: there is no {CELL}. Delete the "
                "version and export its run again; the export names the reason if the "
                "page cannot compute the model.",
            )
        return self.path / CELL

    def cell_bytes(self):
        """Returns the size of these data in bytes, 0 if the version has none."""
        try:
            return (self.path / CELL).stat().st_size
        except OSError:
            return 0

    @functools.cached_property
    def metadata(self):
        """Names, types and shapes of inputs and outputs, as a dictionary."""
        return write_metadata(self.name, self.version, self.signatures)
