"""The manifest for Kubernetes fits the schema of a TFJob, and our command line."""

import copy
import json
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from apps.common.training.cluster import WAIT_VARIABLE, Cluster, cluster_of
from experiments.request import parse
from experiments.tasks import TASKS

ROOT = Path(__file__).parents[3]
MANIFEST = ROOT / "experiments" / "clusters" / "tfjob.yaml"
SCHEMA = Path(__file__).with_name("tfjob_schema.yaml")
SPEC = ("spec", "tfReplicaSpecs", "Worker")
POD = (*SPEC, "template", "spec")
CONTAINER = (*POD, "containers", 0)


def at(manifest, path):
    """Returns the part of a manifest at a path of keys and indices."""
    for key in path:
        manifest = manifest[key]
    return manifest


@pytest.fixture
def manifest():
    return yaml.safe_load(MANIFEST.read_text())


@pytest.fixture(scope="module")
def schema():
    return jsonschema_rs.validator_for(yaml.safe_load(SCHEMA.read_text()))


def test_the_manifest_fits_the_schema_of_a_tfjob(manifest, schema):
    assert [error.message for error in schema.iter_errors(manifest)] == []


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ((), "apiVersion", "kubeflow.org/v1beta1"),
        ((), "kind", "PyTorchJob"),
        (("metadata",), "name", "carousel_sentiment"),
        (("spec", "runPolicy"), "cleanPodPolicy", "Finished"),
        (("spec",), "tfReplicaSpec", {}),
        (SPEC, "restartPolicy", "onFailure"),
        (SPEC, "replicas", "2"),
        (POD, "restartPolicies", "OnFailure"),
        (CONTAINER, "name", "carousel"),
        (CONTAINER, "image", ""),
        ((*CONTAINER, "env", 0), "value", 900),
        ((*CONTAINER, "resources", "requests"), "memory", "4 GB"),
        ((*CONTAINER, "volumeMounts", 0), "mountpath", "/runs"),
        ((*POD, "volumes", 0), "persistentVolumeClaim", {"name": "carousel-runs"}),
    ],
)
def test_a_wrong_field_does_not_fit(path, key, value, manifest, schema):
    wrong = copy.deepcopy(manifest)
    at(wrong, path)[key] = value
    assert not schema.is_valid(wrong)


def test_its_command_is_one_of_ours_that_trains_alone(manifest):
    python, option, module, *words = at(manifest, CONTAINER)["command"]
    assert (python, option) == ("python", "-m")
    request = parse(TASKS[module.removeprefix("experiments.")], words)
    assert request.verbs == ["train"]
    assert request.recipe == "imdb"


def test_runs_and_data_are_on_the_volume_that_all_workers_mount(manifest):
    container = at(manifest, CONTAINER)
    (mount,), (volume,) = container["volumeMounts"], at(manifest, POD)["volumes"]
    assert volume["name"] == mount["name"]
    assert "persistentVolumeClaim" in volume
    values = {one["name"]: one["value"] for one in container["env"]}
    words = container["command"]
    directory = next(word for word in words if word.startswith("run_directory="))
    for path in (directory.partition("=")[2], values["TFDS_DATA_DIR"]):
        assert Path(path).is_relative_to(mount["mountPath"])
    assert float(values[WAIT_VARIABLE]) > 300


def test_each_worker_finds_its_place_in_what_the_operator_sets(manifest):
    """TF_CONFIG as the operator writes it: names of services, port 2222."""
    name, count = at(manifest, ("metadata", "name")), at(manifest, SPEC)["replicas"]
    hosts = [f"{name}-worker-{index}.default.svc:2222" for index in range(count)]
    for index in range(count):
        tf_config = {
            "cluster": {"worker": hosts},
            "task": {"type": "worker", "index": index},
            "environment": "cloud",
        }
        cluster = cluster_of({"TF_CONFIG": json.dumps(tf_config)})
        assert cluster == Cluster(tuple(hosts), index)
