"""The Compose file reads what publishing writes, and the image the README names."""

import re
from pathlib import Path

import yaml

from serving.publish import CONFIG, MODELS, SERVED_FROM

SERVING = Path(__file__).parents[2] / "serving"
SERVICE = yaml.safe_load((SERVING / "compose.yaml").read_text())["services"]["serving"]


def test_the_server_reads_the_models_directory_and_its_list():
    assert f"--model_config_file={SERVED_FROM}/{CONFIG}" in SERVICE["command"]
    mounted = dict(volume.split(":")[:2] for volume in SERVICE["volumes"])
    assert mounted[f"../{MODELS}"] == SERVED_FROM
    for place in mounted:
        assert (SERVING / place).exists() or place == f"../{MODELS}"


def test_each_file_of_configuration_is_there():
    for flag in SERVICE["command"]:
        if found := re.fullmatch(r"--\w+=/config/(.+)", flag):
            assert (SERVING / "config" / found[1]).read_text().count("{") == 1


def test_ports_are_open_to_this_machine_alone():
    assert all(port.startswith("127.0.0.1:") for port in SERVICE["ports"])


def test_the_image_is_pinned_and_the_one_of_the_readme():
    readme = (SERVING.parent / "README.md").read_text(encoding="utf-8")
    images = set(re.findall(r"tensorflow/serving:\S+", readme))
    assert images == {SERVICE["image"]}
