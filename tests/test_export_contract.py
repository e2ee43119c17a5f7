"""Properties of every export that TensorFlow Serving needs.

Exporting itself checks that a separate process without our code gives the model's
answers: `apps.common.export.savedmodel`. These tests load each export with TensorFlow's
version-1 loader, which resembles the server's, and run every signature on batches of
other sizes.
"""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.tools import saved_model_cli
from tensorflow_serving.apis import prediction_log_pb2

from apps.common.export import check as check_export
from apps.common.export.savedmodel import BATCHING
from apps.common.portable.versions import ONNX, WARMUP, newest_version
from experiments.tasks import TASKS
from serving import runtime
from tests.test_app_contract import APPS, SERVED

SERVING_PAGE = Path(__file__).parents[1] / "docs" / "serving.md"
TEXTS = ("A warm film, it was.", "", "the plot \U0001f600 and the story of a king")


class Exported:
    """The newest export of an app's run, loaded into a separate session."""

    def __init__(self, path):
        self.path = path
        self.session = tf.compat.v1.Session(graph=tf.Graph())
        loader = tf.compat.v1.saved_model.loader
        with self.session.graph.as_default():
            self.meta_graph = loader.load(self.session, ["serve"], str(path))
        self.signatures = {
            name: signature
            for name, signature in self.meta_graph.signature_def.items()
            if not name.startswith("__")
        }
        self.warmup = {}
        for record in tf.data.TFRecordDataset(str(path / WARMUP)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            request = log.predict_log.request
            self.warmup[request.model_spec.signature_name] = {
                name: tf.make_ndarray(value) for name, value in request.inputs.items()
            }

    def run(self, name, inputs):
        signature = self.signatures[name]
        feed = {signature.inputs[key].name: value for key, value in inputs.items()}
        wanted = {key: info.name for key, info in signature.outputs.items()}
        return self.session.run(wanted, feed)


# In reverse order: a process that runs test_app_contract.py trains other runs first.
@pytest.fixture(scope="module", params=APPS[::-1])
def exported(request):
    run = request.getfixturevalue(SERVED[request.param][0])
    export = Exported(newest_version(run / "export" / request.param))
    export.app, export.run_directory = request.param, run
    yield export
    export.session.close()


def rows(exported, name):
    """Returns three input rows for a signature, from its warm-up request or `TEXTS`."""
    inputs = exported.warmup[name]
    if all(array.dtype == object for array in inputs.values()) and name != "wav":
        return {key: np.array(TEXTS, object) for key in inputs}
    return {
        key: np.concatenate([array] * 3)[:3] if len(array) < 3 else array[:3]
        for key, array in inputs.items()
    }


def runtime_of(exported):
    """Returns the signatures of the same version without TensorFlow, by name."""
    return runtime.load((exported.path / ONNX).parent).signatures


def same(one, other):
    """Returns whether two answers are equal apart from padding at their ends."""
    if isinstance(one, bytes):
        return one == other
    one, other = np.asarray(one), np.asarray(other)
    shape = tuple(map(min, one.shape, other.shape))
    common = tuple(slice(size) for size in shape)
    if one.dtype == object:
        return one[common].tolist() == other[common].tolist()
    return np.allclose(one[common], other[common], rtol=1e-4, atol=1e-5)


def test_every_signature_has_its_warm_up(exported):
    assert "serving_default" in exported.signatures
    assert "gates" in exported.signatures
    assert set(exported.warmup) == set(exported.signatures)
    for name, inputs in exported.warmup.items():
        assert set(inputs) == set(exported.signatures[name].inputs)


def test_every_input_and_output_has_a_name_and_the_batch_first(exported):
    for signature in exported.signatures.values():
        assert signature.inputs
        assert signature.outputs
        for key, info in [*signature.inputs.items(), *signature.outputs.items()]:
            assert not re.fullmatch(r"(output|args|input)_\d+", key)
            assert info.tensor_shape.dim[0].size == -1
            assert info.dtype in (
                tf.string.as_datatype_enum,
                tf.float32.as_datatype_enum,
                tf.int32.as_datatype_enum,
                tf.bool.as_datatype_enum,
            )


@pytest.mark.parametrize("count", [1, 3])
def test_every_signature_answers_batches_of_other_sizes(exported, count):
    for name in exported.signatures:
        inputs = {key: value[:count] for key, value in rows(exported, name).items()}
        for key, value in exported.run(name, inputs).items():
            assert len(value) == count, (name, key)


def test_no_rows_have_no_answers_or_are_refused_as_input(exported):
    """Without texts there is no timestep, and the layer raises an error."""
    for name in exported.signatures:
        inputs = {key: value[:0] for key, value in rows(exported, name).items()}
        message, answer = "", {}
        try:
            answer = exported.run(name, inputs)
        except tf.errors.InvalidArgumentError as error:
            message = str(error)
        assert bool(answer) != ("at least one timestep" in message), name
        assert all(len(value) == 0 for value in answer.values())


def test_a_row_is_answered_as_it_is_alone_and_its_padding_is_empty(exported):
    for name in exported.signatures:
        inputs = rows(exported, name)
        together = exported.run(name, inputs)
        for n in range(3):
            one = {key: value[n : n + 1] for key, value in inputs.items()}
            for key, alone in exported.run(name, one).items():
                assert same(together[key][n], alone[0]), (name, key)
                if alone.ndim > 1:
                    padding = np.array(together[key][n])
                    padding[tuple(slice(size) for size in alone[0].shape)] = 0
                    assert not np.any(padding.astype(bool)), (name, key)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_runtime_without_tensorflow_gives_the_same_answers(exported, count):
    signatures = runtime_of(exported)
    assert set(signatures) == set(exported.signatures)
    for name, signature in signatures.items():
        inputs = {key: value[:count] for key, value in rows(exported, name).items()}
        assert set(signature.inputs) == set(inputs)
        answer = signature(inputs)
        assert set(answer) == set(exported.signatures[name].outputs), name
        if not count:  # the graph refuses some
            assert not any(map(len, answer.values()))
            continue
        for key, expected in exported.run(name, inputs).items():
            assert answer[key].dtype == expected.dtype, (name, key)
            assert answer[key].shape == expected.shape, (name, key)
            assert same(answer[key], expected), (name, key)


def test_the_runtime_describes_inputs_and_outputs_as_the_saved_model_does(exported):
    for name, signature in runtime_of(exported).items():
        definition = exported.signatures[name]
        for specs, infos in (
            (signature.inputs, definition.inputs),
            (signature.outputs, definition.outputs),
        ):
            for key, info in infos.items():
                dtype = tf.dtypes.as_dtype(info.dtype).name
                shape = tf.TensorShape(info.tensor_shape)
                assert specs[key].dtype == dtype, (name, key)
                assert shape.is_compatible_with(specs[key].shape), (name, key)
                assert None not in specs[key].shape[1:] or not (
                    shape[1:].is_fully_defined()
                ), (name, key)


def test_canonically_equal_texts_have_equal_answers(exported):
    for name in exported.signatures:
        inputs = rows(exported, name)
        if inputs.keys() <= {"text", "document", "context", "question", "prompt"}:
            answers = [
                exported.run(name, {key: np.array([text], object) for key in inputs})
                for text in ("Un cliché naïf", "Un cliche\u0301 nai\u0308f")
            ]
            for key, value in answers[0].items():
                # Ends count characters; a story's sentences are shown as they came.
                if key != "end" and "story" not in key:
                    assert same(value, answers[1][key]), (name, key)


def test_texts_answer_as_the_keras_model_does(exported):
    if exported.app == "speech_commands":
        pytest.skip("takes sound; tests/apps/speech_commands/test_export.py has it")
    inputs = rows(exported, "serving_default")
    texts = [" ||| ".join(row) for row in zip(*inputs.values(), strict=True)]
    served = exported.run("serving_default", inputs)
    predictor = TASKS[exported.app].predictor(exported.run_directory)
    for n, answer in enumerate(predictor.predict(texts)):
        for key, value in served.items():
            expected = answer[key]
            if isinstance(expected, dict):
                expected = list(expected.values())
            if isinstance(expected, str):
                expected = expected.encode()
            assert same(value[n], expected), key


def test_weights_are_written_once(exported):
    variables = exported.path / "variables" / "variables.data-00000-of-00001"
    stored = tf.train.load_checkpoint(str(exported.path / "variables" / "variables"))
    shapes = stored.get_variable_to_shape_map()
    sizes = [
        int(np.prod(shape)) * 4
        for key, shape in shapes.items()
        if key != "_CHECKPOINTABLE_OBJECT_GRAPH"
    ]
    model = keras.models.load_model(exported.run_directory / "model.keras")
    assert sum(sizes) <= 4 * model.count_params() + 100
    assert variables.stat().st_size <= 4 * model.count_params() + 100_000


def test_requests_may_be_joined_where_rows_have_one_size(exported):
    # Waveforms differ in length, and so do the token ids of a stream.
    joins = exported.app not in ("speech_commands", "language_modeling")
    assert (exported.path / BATCHING).exists() == joins


def test_the_docs_name_every_signature_with_its_inputs_and_outputs(exported):
    section = SERVING_PAGE.read_text(encoding="utf-8").split("## Signatures")[1]
    table = {}
    for line in section.split("\n##")[0].splitlines():
        cells = [set(re.findall(r"`([^`]+)`", cell)) for cell in line.split("|")[1:-1]]
        if len(cells) == 4 and cells[0] == {exported.app}:
            table[cells[1].pop()] = cells[2:]
    assert set(table) >= set(exported.signatures)
    for name, signature in exported.signatures.items():
        if name == "gates":
            continue  # its outputs depend on the layers of the model
        inputs, outputs = table[name]
        assert first_layer(signature.inputs) == inputs
        assert first_layer(signature.outputs) == outputs - {"start", "end"}


def first_layer(names):
    """Removes the states of layers after the first, and the outputs start and end."""
    later = {name for name in names if re.fullmatch(r"[hc]_([2-9]|\d\d+)", name)}
    return set(names) - later - {"start", "end"}


def test_saved_model_cli_shows_it(exported, capsys):
    saved_model_cli._show_all(str(exported.path))
    shown = capsys.readouterr().out
    for name in exported.signatures:
        assert f"signature_def['{name}']" in shown


def test_no_operation_needs_more_than_a_server_has(exported):
    graph = exported.session.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    assert len(nodes) > 50
    for node in nodes:
        assert not node.op.startswith(check_export.REFUSED)
        assert not node.attr["_XlaMustCompile"].b
