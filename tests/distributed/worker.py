"""One worker of a test: `python -m tests.distributed.worker APP CONFIG DIRECTORY`."""

import importlib
import sys

from apps.common.config import load_config
from apps.common.terminal import clear_errors


def main(app, config, directory):
    """Trains an app; TF_CONFIG tells with whom."""
    config_class = importlib.import_module(f"apps.{app}.config").Config
    train = importlib.import_module(f"apps.{app}.train").train
    with clear_errors():
        train(load_config(config_class, config), directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
