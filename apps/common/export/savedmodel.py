"""Exports SavedModels for TensorFlow Serving and checks them before publishing."""

import json
import shutil
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from apps.common.export.agreement import check_agreement, plain
from apps.common.export.cell import write_cell
from apps.common.export.litert.export import write_litert
from apps.common.export.onnx.export import write_onnx
from apps.common.export.process import waiting_process
from apps.common.finished import export_already
from apps.common.portable.files import exclusive_lock, rename_into_place
from apps.common.portable.run_files import EXPORTS
from apps.common.portable.terminal import last_line
from apps.common.portable.versions import WARMUP, versions

BATCHING = "batching_params.pbtxt"  # read with --enable_per_model_batching_parameters
TEMPORARY_PREFIX = ".export-"  # of the directory in which a version is written
CHECK = Path(__file__).with_name("check.py")
TOLERANCE = 1e-5
# An export is not trained; without gradients it has half as many functions.
OPTIONS = tf.saved_model.SaveOptions(experimental_custom_gradients=False)


def export_run(predictor, examples, device_inputs=None, cell_data=None):
    """Exports a run to `export/<app>/1/` of its directory, unless it has a version.

    Args:
        predictor: The run's `Predictor`.
        examples: A function from the predictor to the `examples` of `export_model`.
        device_inputs: A function from the predictor to its `DeviceInputs`, for an app
            with files for devices.
        cell_data: A function from the predictor to the data of `cell.json`, for an app
            that the page of the cell computes.

    Returns:
        The path of the version.
    """
    if version := export_already(predictor.directory, predictor.name):
        return version
    return export_model(
        predictor.directory / EXPORTS / predictor.name,
        predictor.tracked(),
        predictor.signatures(),
        examples(predictor),
        [
            partial(write_onnx, predictor=predictor),
            partial(write_litert, predictor=predictor, inputs_of=device_inputs),
            partial(write_cell, predictor=predictor, data_of=cell_data),
        ],
    )


def export_model(directory, tracked, signatures, examples, writers=()):
    """Writes the next version of a model, checks it, and publishes it by a rename.

    If two processes export to the same directory at once, the second one returns the
    version of the first.

    Args:
        directory: The model's directory, with versions 1, 2, ...
        tracked: Layers whose lookup tables the signatures use. Weights need no
            tracking; those of a tracked layer would be saved twice.
        signatures: Maps each signature name to a `tf.function` with named inputs that
            returns a dictionary.
        examples: Maps each signature name to a dictionary from input name to array.
            They are used for the check and as warm-up requests.
        writers: Functions that write further formats; each takes the directory of the
            version, the signatures and the examples.

    Returns:
        The path of the version.

    Raises:
        ValueError: If the export does not run without this project's code, or its
            outputs differ from the model's.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / str(max(versions(directory), default=0) + 1)
    with exclusive_lock(directory) as locked:
        if target.exists():
            return target
        leftovers = directory.glob(f"{TEMPORARY_PREFIX}*")  # of killed processes
        for leftover in leftovers if locked else ():
            shutil.rmtree(leftover)
        with (
            tempfile.TemporaryDirectory(
                prefix=TEMPORARY_PREFIX, dir=directory
            ) as scratch,
            waiting_process(CHECK) as process,  # loads TensorFlow during the export
        ):
            temporary = Path(scratch, "version")
            archive = keras.export.ExportArchive()
            for layer in tracked:
                archive.track(layer)
            for name, function in signatures.items():
                archive.add_endpoint(name, function, list(function.input_signature))
            with _write_errors(directory):
                archive.write_out(temporary, options=OPTIONS, verbose=False)
                _write_warmup(temporary, directory.name, examples)
                _write_batching(temporary, signatures)
            _check(process, temporary, signatures, examples)
            with _write_errors(directory):
                for write in writers:
                    write(temporary, signatures=signatures, examples=examples)
            rename_into_place(temporary, target)
    return target


@contextmanager
def _write_errors(directory):
    """Converts TensorFlow's errors about writing, such as a full disk, to `OSError`."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.OutOfRangeError) as error:
        reason = error.message.rpartition("; ")[2].split(" [Op:")[0]
        raise OSError(f"{directory}: no version could be written: {reason}") from error


def _write_warmup(version, model_name, examples):
    """Writes the warm-up requests that TensorFlow Serving runs before it is ready."""
    from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

    (version / WARMUP).parent.mkdir()
    with tf.io.TFRecordWriter(str(version / WARMUP)) as writer:
        for signature, inputs in examples.items():
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(
                    name=model_name, signature_name=signature
                ),
                inputs={
                    name: tf.make_tensor_proto(value) for name, value in inputs.items()
                },
            )
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())


def _write_batching(version, signatures):
    """Writes TensorFlow Serving's batching parameters, if it may batch requests.

    It must not batch rows of different lengths, such as audio, since it would pad them.
    It can batch texts, which the model itself pads.
    """
    specs = [spec for f in signatures.values() for spec in f.input_signature]
    if all(spec.shape[1:].is_fully_defined() for spec in specs):
        (version / BATCHING).write_text(
            "max_batch_size { value: 64 }\n"
            "batch_timeout_micros { value: 1000 }\n"
            "max_enqueued_batches { value: 100 }\n",
            encoding="utf-8",
        )


def _check(process, version, signatures, examples):
    """Raises ValueError if a fresh process and the model give different outputs."""
    request = {"version": str(version.resolve()), "examples": examples}
    output, errors = process.communicate(json.dumps(request, default=plain))
    if process.returncode:
        raise ValueError(
            "The exported model does not run without this project's code, as a server "
            f"would run it: {last_line(errors)}"
        )
    exported = json.loads(last_line(output))
    check_agreement("exported", exported, signatures, examples, TOLERANCE)
