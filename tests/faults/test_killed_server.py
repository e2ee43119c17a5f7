"""A server is killed under load: clients retry, and no file is damaged."""

import shutil
import threading
import time

import numpy as np
import pytest

from serving.client import Client, ServingError
from tests.faults.killing import content
from tests.faults.server_process import end, free_port, start
from tests.serving.conftest import exports

__all__ = ["exports"]


class RequestThread(threading.Thread):
    """A client that sends requests until `stop` is set, and counts the answers."""

    def __init__(self, port, number, retries):
        super().__init__()
        self.client = Client(
            f"http://127.0.0.1:{port}", timeout_s=90, retries=retries, backoff_s=0.05
        )
        self.number, self.answers, self.error = number, 0, None
        self.stop = threading.Event()

    def run(self):
        matrix = np.full((2, 2), self.number, "float32")
        with self.client:
            while not self.stop.is_set():
                try:
                    answer = self.client.predict("types", {"matrix": matrix})
                except ServingError as error:
                    self.error = error
                    return
                assert answer["total"].tolist() == [2 * self.number] * 2
                self.answers += 1


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_a_server_killed_under_load_answers_again_after_a_restart(exports, tmp_path):
    directory = tmp_path / "models"
    shutil.copytree(exports / "types", directory / "types")
    before = content(directory)
    port, log = free_port(), tmp_path / "log"
    patient = [RequestThread(port, number, retries=10) for number in range(1, 5)]
    hasty = RequestThread(port, 9, retries=0)
    server = start(directory, port, log)
    try:
        for client in (*patient, hasty):
            client.start()
        wait_for(lambda: all(client.answers > 20 for client in (*patient, hasty)))
        end(server)
        server = start(directory, port, log)  # on the same port, at once
        before_restart = [client.answers for client in patient]
        wait_for(
            lambda: all(
                client.answers > n + 20
                for client, n in zip(patient, before_restart, strict=True)
            )
        )
    finally:
        for client in (*patient, hasty):
            client.stop.set()
        for client in (*patient, hasty):
            client.join(100)
        end(server)
    assert [client.error for client in patient] == [None] * 4
    message = str(hasty.error)
    assert message.startswith(f"predict of types at http://127.0.0.1:{port}: ")
    assert "\n" not in message
    assert content(directory) == before
    assert "Traceback" not in log.read_text()
