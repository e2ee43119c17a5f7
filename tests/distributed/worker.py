"""One worker of a test: `python -m tests.distributed.worker (APP CONFIG DIRECTORY)...`.

It trains each app in turn, with the workers in TF_CONFIG. With `--devices=N` as the
first argument it trains on N virtual CPU devices; with `--part-bytes=N` the language
model's text is encoded in parts of N bytes.
"""

import importlib
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from apps.common.config import load_config
from apps.common.portable.terminal import report_errors
from apps.common.training import cluster
from apps.language_modeling import parts

DEVICES, PART_BYTES = "--devices=", "--part-bytes="


def main(words):
    """Trains the apps in `words`."""
    if words[0].startswith(DEVICES):
        count = int(words.pop(0).removeprefix(DEVICES))
        (cpu,) = tf.config.list_physical_devices("CPU")
        logical = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(cpu, logical)
        names = [f"CPU:{number}" for number in range(count)]
        cluster.local_devices = lambda: names
    if words[0].startswith(PART_BYTES):
        parts.PART_BYTES = int(words.pop(0).removeprefix(PART_BYTES))
    for app, config, directory in zip(*[iter(words)] * 3, strict=True):
        config_class = importlib.import_module(f"apps.{app}.config").Config
        train = importlib.import_module(f"apps.{app}.train").train
        with report_errors():
            train(load_config(config_class, config), directory)


if __name__ == "__main__":
    main(sys.argv[1:])
