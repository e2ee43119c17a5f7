"""Chooses the engine that answers `predict`."""

import sys
from pathlib import Path

import numpy as np

from apps.common.export.description import check_run
from apps.common.portable.run_files import EXPORTS
from apps.common.portable.versions import ONNX, newest_version
from serving.engine import DEFAULT_SIGNATURE, RequestError

ENGINES = AUTO, ONNX_RUNTIME, TENSORFLOW = "auto", "onnx", "tensorflow"


def answers_of(task, directory, predictor, engine=AUTO):
    """Returns the `Answers` of a finished run.

    ONNX Runtime answers where the newest version of the run's export has `onnx/` and
    names the very files that the run has now: it starts in a fraction of TensorFlow's
    time. One line on standard error says so, or why an existing export is not used.

    Args:
        task: A `Task`.
        directory: Run directory.
        predictor: A function that returns the run's `Predictor`, which loads
            TensorFlow.
        engine: One of `ENGINES`; "auto" is the choice above.

    Raises:
        ValueError: If the run is not finished, or ONNX Runtime was asked for and
            cannot answer.
    """
    directory = Path(directory)
    version = newest_version(directory / EXPORTS / task.name)
    exported = version is not None and (version / ONNX).exists()
    if engine == TENSORFLOW or (engine == AUTO and not exported):
        return predictor()
    answers = task.answers().load(directory)
    if not exported:
        raise ValueError(
            f"--engine onnx: {directory} has no export with {ONNX.parent}/. Export the "
            "run first."
        )
    try:
        check_run(version / ONNX, directory)
        answers.answer = signature_of(version, answers.name)
    except ValueError as error:
        if engine == ONNX_RUNTIME:
            raise
        print(f"{error} Until then TensorFlow answers.", file=sys.stderr)
        return predictor()
    print(f"ONNX Runtime answers, from {version / ONNX.parent}", file=sys.stderr)
    return answers


def signature_of(version, name, signature=DEFAULT_SIGNATURE):
    """Returns a signature of an export as a function, as `Answers` takes it.

    ONNX Runtime computes it where the version has `onnx/`, else TensorFlow. It takes
    the inputs in the alphabetical order of their names. A batch that the engine refuses
    is computed in halves.

    Args:
        version: Directory of the version.
        name: Name of the app.
        signature: Name of the signature.

    Raises:
        ValueError: If the export or the engine cannot be loaded.
    """
    if (version / ONNX).exists():
        from serving.onnx_engine import OnnxModel as Model
    else:
        from serving.tensorflow_engine import TensorFlowModel as Model
    signature = Model(name, version).signatures[signature]

    def answer(*columns):
        try:
            return signature(dict(zip(signature.inputs, columns, strict=True)))
        except RequestError as error:
            if (rows := len(columns[0])) > 1:
                halves = slice(0, rows // 2), slice(rows // 2, rows)
                first, second = (answer(*(c[half] for c in columns)) for half in halves)
                return {n: np.concatenate([first[n], second[n]]) for n in first}
            raise ValueError(f"{error} Or set --engine tensorflow.") from None

    return answer
