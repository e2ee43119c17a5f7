"""One worker of a test: `python -m tests.distributed.worker (APP CONFIG DIRECTORY)...`.

It trains each app in turn, with the workers in TF_CONFIG. With `--devices=N` as the
first argument it trains on N virtual CPU devices.
"""

import importlib
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from apps.common.config import load_config
from apps.common.portable.terminal import report_errors
from apps.common.training import cluster

DEVICES = "--devices="


def main(words):
    """Trains the apps in `words`."""
    if words[0].startswith(DEVICES):
        count = int(words.pop(0).removeprefix(DEVICES))
        (cpu,) = tf.config.list_physical_devices("CPU")
        logical = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(cpu, logical)
        names = [f"CPU:{number}" for number in range(count)]
        cluster.local_devices = lambda: names
    for app, config, directory in zip(*[iter(words)] * 3, strict=True):
        config_class = importlib.import_module(f"apps.{app}.config").Config
        train = importlib.import_module(f"apps.{app}.train").train
        with report_errors():
            train(load_config(config_class, config), directory)


if __name__ == "__main__":
    main(sys.argv[1:])
