"""SavedModels for TensorFlow Serving: signatures, warm-up, and a check before use."""

import base64
import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.common.portable.files import exclusive_lock, rename_into_place
from apps.common.portable.run_files import EXPORTS
from apps.common.portable.versions import WARMUP, newest_version, versions

BATCHING = "batching_params.pbtxt"  # read with --enable_per_model_batching_parameters
ASIDE = ".export-"  # where a version is written; what a killed process left has it, too
CHECK = Path(__file__).with_name("check.py")
TOLERANCE = 1e-5
# Nobody trains an export: without the gradients it has half as many functions.
OPTIONS = tf.saved_model.SaveOptions(experimental_custom_gradients=False)


def export_run(predictor, examples):
    """Writes `export/<app>/1/` into a run directory, unless there is a version.

    Args:
        predictor: The run's `Predictor`.
        examples: A function from it to examples, as `export_model` takes them.

    Returns:
        The path of the version.
    """
    target = predictor.directory / EXPORTS / predictor.name
    if version := newest_version(target):
        print(f"{version} is exported already.")
        return version
    return export_model(
        target, predictor.tracked(), predictor.signatures(), examples(predictor)
    )


def export_model(directory, tracked, signatures, examples):
    """Writes the next version of a model, checks it, and only then gives it its name.

    Of two processes that export to the same place at once, the second takes the version
    of the first.

    Args:
        directory: The model's directory; versions 1, 2, ... lie in it.
        tracked: Layers whose tables the signatures use. Weights are found without; of a
            tracked layer they would be written twice.
        signatures: Functions by signature name, each a `tf.function` with named inputs
            that returns a dictionary.
        examples: For each signature a dictionary from input name to an array; used for
            the check and as warm-up requests.

    Returns:
        The path of the version.

    Raises:
        ValueError: If the written model does not load without our code, or does not
            answer there as it does here.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / str(max(versions(directory), default=0) + 1)
    with exclusive_lock(directory) as locked:
        if target.exists():
            return target
        for left in directory.glob(f"{ASIDE}*") if locked else ():
            shutil.rmtree(left)
        with (
            tempfile.TemporaryDirectory(prefix=ASIDE, dir=directory) as scratch,
            _fresh_process() as process,  # loads TensorFlow while we write
        ):
            temporary = Path(scratch, "version")
            archive = keras.export.ExportArchive()
            for layer in tracked:
                archive.track(layer)
            for name, function in signatures.items():
                archive.add_endpoint(name, function, list(function.input_signature))
            with _told_by_the_system(directory):
                archive.write_out(temporary, options=OPTIONS, verbose=False)
                _write_warmup(temporary, directory.name, examples)
                _write_batching(temporary, signatures)
            _check(process, temporary, signatures, examples)
            rename_into_place(temporary, target)
    return target


@contextmanager
def _told_by_the_system(directory):
    """Makes an `OSError` of what TensorFlow raises when it cannot write a file."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.OutOfRangeError) as error:
        said = error.message.rpartition("; ")[2].split(" [Op:")[0]
        raise OSError(f"{directory}: no version could be written: {said}") from error


def _write_warmup(version, model_name, examples):
    """Writes the requests that TensorFlow Serving sends itself before it is ready."""
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
    """Writes how TensorFlow Serving may join requests, if it may.

    It may not where rows of two requests can differ in length, such as sound: it would
    pad them. Texts are padded by the model itself.
    """
    specs = [spec for f in signatures.values() for spec in f.input_signature]
    if all(spec.shape[1:].is_fully_defined() for spec in specs):
        (version / BATCHING).write_text(
            "max_batch_size { value: 64 }\n"
            "batch_timeout_micros { value: 1000 }\n"
            "max_enqueued_batches { value: 100 }\n",
            encoding="utf-8",
        )


@contextmanager
def _fresh_process():
    """Yields a process that has none of our code, and waits for what to check."""
    with subprocess.Popen(
        [sys.executable, "-I", str(CHECK)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # if it still waits


def _check(process, version, signatures, examples):
    """Compares the answers of a fresh process that has none of our code with ours."""
    request = {"version": str(version.resolve()), "examples": examples}
    output, errors = process.communicate(json.dumps(request, default=_plain))
    if process.returncode:
        raise ValueError(
            "The exported model does not run without our code, as a server would run "
            f"it: {(errors.strip().splitlines() or ['no message'])[-1]}"
        )
    theirs = json.loads(output.splitlines()[-1])
    for signature, inputs in examples.items():
        function = signatures[signature]
        ours = function(
            *(tf.constant(inputs[spec.name]) for spec in function.input_signature)
        )
        for name, value in ours.items():
            answer = np.array(theirs[signature][name])
            value = value.numpy()
            if value.dtype == object:
                same = [
                    text.decode() for text in value.ravel()
                ] == answer.ravel().tolist()
            else:
                same = np.allclose(value, answer, rtol=TOLERANCE, atol=TOLERANCE)
            if not same:
                raise ValueError(
                    f"The exported signature {signature} gives another {name} than the "
                    f"model: {answer.tolist()} instead of {value.tolist()}."
                )


def _plain(value):
    """Returns arrays as lists, and bytes as TensorFlow Serving's JSON has them."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return value.tolist()
