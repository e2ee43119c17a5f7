"""The server refuses a request that needs too much memory, and keeps running."""

import json
import urllib.error
import urllib.request

import pytest
import tensorflow as tf

from tests.faults.server_process import end, free_port, start
from tests.serving.signatures import function

# Limits the process to two gigabytes more than it uses when it starts to answer.
LIMITED = """
import resource, uvicorn
run = uvicorn.run
def limited(*arguments, **options):
    size = int(open("/proc/self/status").read().split("VmSize:")[1].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size + 2**31,) * 2)
    run(*arguments, **options)
uvicorn.run = limited
"""


class Large(tf.Module):
    @function(rows=("int32", (None,)))
    def total(self, rows):
        ones = tf.fill([rows[0], 1_000_000], 1.0)
        return {"total": tf.reduce_sum(tf.cumsum(ones), axis=1)[:1]}


def ask(port, rows):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/models/large:predict",
        json.dumps({"inputs": [rows]}).encode(),
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.slow
def test_a_request_for_which_there_is_no_memory_is_413_and_the_next_is_answered(
    tmp_path,
):
    module = Large()
    path = str(tmp_path / "large" / "1")
    tf.saved_model.save(module, path, {"serving_default": module.total})
    port, log = free_port(), tmp_path / "log"
    server = start(tmp_path, port, log, before=LIMITED)
    try:
        for _ in range(2):
            assert ask(port, 1) == (200, {"outputs": [1e6]})
            status, answer = ask(port, 10_000)
            assert status == 413
            assert answer["error"].startswith("Too large to compute: OOM when alloc")
            assert "\n" not in answer["error"]
        assert ask(port, 1)[0] == 200
    finally:
        end(server)
