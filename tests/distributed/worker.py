"""One worker of a test: `python -m tests.distributed.worker APP CONFIG DIRECTORY`.

TF_CONFIG tells with whom. With a number N behind, it trains on N devices of its own.
"""

import importlib
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from apps.common import cluster
from apps.common.config import load_config
from apps.common.terminal import clear_errors


def main(app, config, directory, devices=0):
    """Trains an app."""
    if int(devices):
        (cpu,) = tf.config.list_physical_devices("CPU")
        logical = [tf.config.LogicalDeviceConfiguration()] * int(devices)
        tf.config.set_logical_device_configuration(cpu, logical)
        names = [f"CPU:{number}" for number in range(int(devices))]
        cluster.local_devices = lambda: names
    config_class = importlib.import_module(f"apps.{app}.config").Config
    train = importlib.import_module(f"apps.{app}.train").train
    with clear_errors():
        train(load_config(config_class, config), directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
