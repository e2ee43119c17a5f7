"""Parsing of TF_CONFIG and SLURM's variables, and errors about missing workers."""

import json
import socket
import threading
import time

import pytest
import tensorflow as tf

from apps.common.training import cluster
from apps.common.training.cluster import (
    Cluster,
    cluster_of,
    decorrelate_dropout,
    gather_numbers,
    is_chief,
    lost_workers,
    training_strategy,
    wait_for_peers,
)
from experiments.launch import free_ports

HOSTS = ["one:2222", "two:2222", "three:2222"]


def parsed(jobs, job="worker", index=0):
    task = {"type": job, "index": index}
    return cluster_of({"TF_CONFIG": json.dumps({"cluster": jobs, "task": task})})


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TF_CONFIG": ""},
        {"TF_CONFIG": "{}"},
        {"TF_CONFIG": '{"cluster": {"worker": ["one:2222"]}}'},
        {"TF_CONFIG": '{"cluster": {"chief": ["a:1"]}, "task": {"type": "chief"}}'},
        {"SLURM_STEP_NUM_TASKS": "1"},
    ],
)
def test_a_process_that_is_told_of_no_other_trains_alone(environment):
    assert cluster_of(environment) is None


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_worker_knows_its_place(index):
    assert parsed({"worker": HOSTS}, index=index) == Cluster(tuple(HOSTS), index)


def test_an_index_may_be_text_as_some_launchers_write_it():
    assert parsed({"worker": HOSTS}, index="2").index == 2


@pytest.mark.parametrize(
    ("job", "index", "place"), [("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)]
)
def test_a_chief_of_its_own_is_the_first(job, index, place):
    jobs = {"worker": HOSTS[1:], "chief": HOSTS[:1]}
    assert parsed(jobs, job, index) == Cluster(tuple(HOSTS), place)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "cannot be read"),
        ("[1]", "cannot be read"),
        ('{"cluster": {"worker": 3}}', "cannot be read"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": "x"}}',
            "cannot be read",
        ),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, '
            '"task": {"type": "worker", "index": 2}}',
            "the cluster has no worker 2",
        ),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, '
            '"task": {"type": "chief", "index": 0}}',
            "the cluster has no chief 0",
        ),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "no type or no index"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker"}}',
            "no type or no index",
        ),
        (
            '{"cluster": {"worker": ["a:1", "b"]}, '
            '"task": {"type": "worker", "index": 0}}',
            "'b' is not host:port",
        ),
        (
            '{"cluster": {"worker": ["a:1", "a:1"]}, '
            '"task": {"type": "worker", "index": 0}}',
            "two workers have the same address",
        ),
        (
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}}',
            r"only the jobs worker and chief are supported: \['ps'\]",
        ),
    ],
)
def test_a_wrong_tf_config_is_an_error_that_says_what_was_expected(text, reason):
    with pytest.raises(ValueError, match=rf"TF_CONFIG: .*{reason}") as caught:
        cluster_of({"TF_CONFIG": text})
    message = str(caught.value)
    assert text in message
    assert cluster.EXAMPLE in message
    assert "\n" not in message


def test_the_example_of_the_message_is_right():
    assert cluster_of({"TF_CONFIG": cluster.EXAMPLE}).index == 0


@pytest.mark.parametrize("index", [0, 3])
def test_a_slurm_step_tells_of_its_tasks(index, monkeypatch):
    step = {
        "SLURM_STEP_NUM_TASKS": "4",
        "SLURM_STEP_NODELIST": "node[01-02]",
        "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
        "SLURM_PROCID": str(index),
    }
    for name, value in step.items():
        monkeypatch.setenv(name, value)
    workers = cluster_of(step)
    assert workers.index == index
    hosts = [address.partition(":")[0] for address in workers.addresses]
    assert hosts == ["node01", "node01", "node02", "node02"]
    assert len(set(workers.addresses)) == 4


def test_two_slurm_jobs_on_one_node_have_different_ports(monkeypatch):
    step = {
        "SLURM_STEP_NUM_TASKS": "8",
        "SLURM_STEP_NODELIST": "node01",
        "SLURM_STEP_TASKS_PER_NODE": "8",
        "SLURM_PROCID": "0",
    }
    for name, value in step.items():
        monkeypatch.setenv(name, value)
    jobs = [cluster_of({**step, "SLURM_JOB_ID": str(number)}) for number in (998, 999)]
    addresses = [address for job in jobs for address in job.addresses]
    assert len(set(addresses)) == 16
    assert max(int(address.partition(":")[2]) for address in addresses) < 32768


def test_a_slurm_step_that_counts_in_another_order_is_refused(monkeypatch):
    step = {
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "node[2,10]",
        "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
        "SLURM_PROCID": "0",
        "SLURMD_NODENAME": "node2",
    }
    for name, value in step.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=r"task 0 is on node2, not on node10"):
        cluster_of(step)


def test_peers_that_come_late_are_waited_for():
    addresses = tuple(f"localhost:{port}" for port in free_ports(3))
    errors = []

    def wait(index):
        time.sleep(0.3 * index)
        try:
            wait_for_peers(Cluster(addresses, index), 20)
            # From here on TensorFlow listens.
            with socket.create_server(("", int(addresses[index][10:]))):
                time.sleep(1.5)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=wait, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_missing_peer_is_named_when_the_time_is_over():
    ports = free_ports(3)
    addresses = tuple(f"localhost:{port}" for port in ports)
    with (
        socket.create_server(("localhost", ports[1])),
        pytest.raises(ConnectionError, match=r"Waited 0\.2 s for worker 2") as caught,
    ):
        wait_for_peers(Cluster(addresses, 0), 0.2)
    message = str(caught.value)
    assert f"worker 2 (localhost:{ports[2]})" in message
    assert "worker 1 (" not in message
    assert "CAROUSEL_WAIT_S" in message
    assert "\n" not in message


def test_two_workers_of_one_index_on_a_machine_are_told():
    (port,) = free_ports(1)
    with (
        socket.create_server(("", port)),
        pytest.raises(ConnectionError, match=f"Worker 0 cannot listen on port {port}"),
    ):
        wait_for_peers(Cluster((f"localhost:{port}", "localhost:1"), 0), 1)


def test_a_process_alone_is_the_chief_and_asks_nobody(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    strategy = training_strategy()
    assert strategy.num_replicas_in_sync == 1
    assert is_chief(strategy)
    assert gather_numbers(strategy, 5).tolist() == [5]


def test_several_gpus_mirror(monkeypatch):
    monkeypatch.setattr(cluster, "local_devices", lambda: ["GPU:0", "GPU:1"])
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", list)
    assert training_strategy() == ["GPU:0", "GPU:1"]


class TwoWorkers:
    """A strategy that only has the addresses of two workers."""

    class cluster_resolver:  # noqa: N801
        @staticmethod
        def cluster_spec():
            return tf.train.ClusterSpec({"worker": ["one:2222", "two:2222"]})


def test_a_worker_that_is_gone_is_named_in_one_line():
    text = "Collective ops is aborted by: from /job:worker/replica:0/task:1: connection"
    with (
        pytest.raises(ConnectionError, match=r"Lost worker 1 \(two:2222\)") as caught,
        lost_workers(TwoWorkers),
    ):
        raise tf.errors.UnavailableError(None, None, text)
    assert "again with the same command" in str(caught.value)


@pytest.mark.parametrize("error", [ValueError, tf.errors.UnavailableError])
def test_other_errors_stay_as_they_are(error):
    raised = error("x") if error is ValueError else error(None, None, "x")
    with pytest.raises(error), lost_workers(tf.distribute.get_strategy()):
        raise raised


class TwoCopies:
    """A strategy of six replicas; this process has the last two of them."""

    num_replicas_in_sync = 6

    class cluster_resolver:  # noqa: N801
        task_id = 2

    @staticmethod
    def experimental_local_results(copies):
        return copies


def test_each_replica_draws_masks_of_its_own():
    class Seed:
        path = "dropout/seed_generator/seed_generator_state"
        value = [tf.Variable([7, 1], dtype="uint32") for _ in range(2)]  # noqa: RUF012

    class Kernel:
        path, value = "dense/kernel", None

    decorrelate_dropout([Kernel, Seed], TwoCopies)
    assert [copy.numpy().tolist() for copy in Seed.value] == [[11, 1], [12, 1]]
