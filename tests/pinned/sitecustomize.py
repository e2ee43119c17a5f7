"""Pins the tests' small archives in a process that has this folder in PYTHONPATH.

It reads recipes from the folder in the environment variable TEST_RECIPES and lets
`explain` draw only its first example. With CAROUSEL_XLA=0 it makes the same settings
for speed as `tests/conftest.py`.
"""

import dataclasses
import functools
import gc
import hashlib
import os
from pathlib import Path

from apps.common.data.packages import PACKAGES, cache_directory
from experiments import task

for name, package in PACKAGES.items():
    for path in (cache_directory() / name).glob("*/*.*"):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        PACKAGES[name] = dataclasses.replace(package, sha256=sha256)

task.RECIPES = Path(os.environ.get("TEST_RECIPES", task.RECIPES))
examples = task.Task.examples
task.Task.examples = lambda self, predictor: examples(self, predictor)[:1]
if os.environ.get("CAROUSEL_XLA") == "0":
    import tensorflow as tf
    from tensorflow.python.framework import ops

    gc.set_threshold(20_000)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    ops._create_c_op = functools.partial(ops._create_c_op, extract_traceback=False)
