"""The Compose file uses the published models and the image in the docs."""

import re
from pathlib import Path

import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from apps.common.export.savedmodel import BATCHING
from serving import metrics
from serving.client.client import MAX_ROWS
from serving.publish import CONFIG, MODELS, SERVED_FROM
from tests.serving.grpc_server import MAX_BATCH_SIZE

SERVING = Path(__file__).parents[2] / "serving"
SERVICE = yaml.safe_load((SERVING / "compose.yaml").read_text())["services"]["serving"]


def test_the_server_reads_the_models_directory_and_its_list():
    assert f"--model_config_file={SERVED_FROM}/{CONFIG}" in SERVICE["command"]
    mounted = dict(volume.split(":")[:2] for volume in SERVICE["volumes"])
    assert mounted[f"../{MODELS}"] == SERVED_FROM
    for place in mounted:
        assert (SERVING / place).exists() or place == f"../{MODELS}"


def message(name, **fields):
    """Makes a message class that tensorflow-serving-api lacks.

    Args:
        name: Name of the message.
        fields: The type of each field, or the name of its message, by field name.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="tests")
    file.dependency.append("google/protobuf/wrappers.proto")
    message_type = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields.items(), 1):
        descriptor = message_type.field.add(name=field, number=number, label=1)
        descriptor.type = getattr(
            descriptor, f"TYPE_{'MESSAGE' if '.' in kind else kind}"
        )
        if "." in kind:
            descriptor.type_name = kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tests.{name}"))


INTEGER, TEXT = ".google.protobuf.Int64Value", ".google.protobuf.StringValue"
# session_bundle_config.proto and monitoring_config.proto of TensorFlow Serving.
BATCHING_PARAMETERS = message(
    "BatchingParameters",
    max_batch_size=INTEGER,
    batch_timeout_micros=INTEGER,
    max_enqueued_batches=INTEGER,
    num_batch_threads=INTEGER,
    thread_pool_name=TEXT,
)
PROMETHEUS_CONFIG = message("PrometheusConfig", enable="BOOL", path="STRING")


def test_each_file_of_configuration_is_there():
    files = [re.fullmatch(r"--\w+=/config/(.+)", flag) for flag in SERVICE["command"]]
    named = {match[1] for match in files if match}
    assert named == {path.name for path in (SERVING / "config").iterdir()}


def test_the_threads_for_batches_are_told():
    text = (SERVING / "config" / "batching.config").read_text()
    parameters = text_format.Parse(text, BATCHING_PARAMETERS())
    assert parameters.num_batch_threads.value == 2
    assert not parameters.HasField("max_batch_size")  # each model sets it
    assert {"--enable_batching", "--enable_per_model_batching_parameters"} <= set(
        SERVICE["command"]
    )


def test_an_export_says_how_its_requests_are_joined(finished_run):
    (path,) = (finished_run / "export" / "sentiment").glob(f"*/{BATCHING}")
    parameters = text_format.Parse(path.read_text(), BATCHING_PARAMETERS())
    assert parameters.max_batch_size.value == MAX_ROWS == MAX_BATCH_SIZE
    assert parameters.batch_timeout_micros.value < 10_000
    assert parameters.max_enqueued_batches.value > 0


def test_a_broken_version_is_retried_until_the_one_before_is_loaded():
    """The server takes the first version that is loaded, or given up, for the answer.

    Two versions of five apps load in half a minute on two cores.
    """
    flags = dict(
        flag.removeprefix("--").partition("=")[::2] for flag in SERVICE["command"]
    )
    interval_s = int(flags["load_retry_interval_micros"]) / 1e6
    assert 30 <= int(flags["max_num_load_retries"]) * interval_s <= 120
    assert int(flags["num_load_threads"]) > 1  # 0: a retry holds up all models


def test_metrics_are_where_the_embedded_server_has_them():
    text = (SERVING / "config" / "monitoring.config").read_text()
    inner = re.search(r"prometheus_config (\{.*\})", text, re.DOTALL)[1].strip("{}")
    config = text_format.Parse(inner, PROMETHEUS_CONFIG())
    assert config.enable
    assert config.path == metrics.PATH


def test_ports_are_open_to_this_machine_alone():
    assert all(port.startswith("127.0.0.1:") for port in SERVICE["ports"])


def test_the_image_is_pinned_and_the_one_of_the_docs():
    page = (SERVING.parent / "docs" / "serving.md").read_text(encoding="utf-8")
    images = set(re.findall(r"tensorflow/serving:\S+", page))
    assert images == {SERVICE["image"]}
