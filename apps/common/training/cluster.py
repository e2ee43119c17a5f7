"""Chooses the `tf.distribute` strategy: one device, several GPUs or several workers."""

import functools
import itertools
import json
import os
import re
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from apps.common.portable.terminal import first_line

WAIT_S, WAIT_VARIABLE = 300, "CAROUSEL_WAIT_S"  # seconds to wait for other workers
# In a SLURM step: each job has ports of its own, as two jobs may share a node. All lie
# below 32768, from where Linux gives ports to outgoing connections.
FIRST_PORT, PORTS = 16384, 16
EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Cluster:
    """The workers of a distributed training.

    Attributes:
        addresses: `host:port` of each worker; the first is the chief.
        index: Index of this worker in `addresses`.
    """

    addresses: tuple
    index: int


def training_strategy():
    """Returns the `tf.distribute.Strategy` for this process's workers and GPUs.

    Several workers, defined by TF_CONFIG or SLURM, use `MultiWorkerMirroredStrategy`.
    Several GPUs use `MirroredStrategy`. Else it is TensorFlow's default strategy, which
    distributes nothing. Must be called before TensorFlow runs any operation.

    Raises:
        ValueError: If TF_CONFIG, a SLURM variable or CAROUSEL_WAIT_S is wrong.
        ConnectionError: If a worker cannot be reached within CAROUSEL_WAIT_S seconds.
    """
    cluster = cluster_of(os.environ)
    if cluster:
        return _workers(cluster)
    if len(devices := local_devices()) > 1:
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.get_strategy()


def local_devices():
    """Returns the names of this machine's GPUs."""
    return [device.name for device in tf.config.list_logical_devices("GPU")]


@functools.cache  # a process can join a cluster only once
def _workers(cluster):
    seconds = os.environ.get(WAIT_VARIABLE, str(WAIT_S))
    if not re.fullmatch(r"\d+(\.\d*)?", seconds):
        raise ValueError(
            f"{WAIT_VARIABLE}: expected a number of seconds. Received: {seconds!r}."
        )
    wait_for_peers(cluster, float(seconds))
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.index,
        rpc_layer="grpc",
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except tf.errors.OpError as error:
        raise ConnectionError(
            "TensorFlow could not connect the workers. Start all of them again. Its "
            f"error: {first_line(error.message)}"
        ) from error


def is_chief(strategy):
    """Returns whether this process is the chief, which alone writes a run's files."""
    resolver = strategy.cluster_resolver
    return resolver is None or resolver.task_id == 0


def cluster_of(environment):
    """Parses environment variables to a `Cluster`, or None for a single worker.

    Args:
        environment: A mapping. TF_CONFIG takes precedence over the variables of a SLURM
            step. TensorFlow reads the latter from `os.environ`, not from this mapping.

    Raises:
        ValueError: If the variables do not describe a cluster of workers.
    """
    if environment.get("TF_CONFIG"):
        cluster = _from_tf_config(environment["TF_CONFIG"])
    elif int(environment.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        cluster = _from_slurm(environment)
    else:
        return None
    return cluster if len(cluster.addresses) > 1 else None


def _from_tf_config(text):
    try:
        config = json.loads(text)
        jobs, task = config.get("cluster") or {}, config.get("task") or {}
        addresses = {job: list(jobs.get(job, ())) for job in ("chief", "worker")}
        place = task.get("type"), int(task.get("index", -1))
    except (ValueError, TypeError, AttributeError) as error:
        raise _wrong(text, f"it cannot be read ({error})") from None
    if unknown := sorted(set(jobs) - set(addresses)):
        raise _wrong(text, f"only the jobs worker and chief are supported: {unknown}")
    if sum(map(len, addresses.values())) < 2:
        return Cluster(tuple(itertools.chain(*addresses.values())), 0)
    places = [(job, n) for job in addresses for n in range(len(addresses[job]))]
    if not {"type", "index"} <= set(task):
        raise _wrong(text, "the task has no type or no index")
    if place not in places:
        raise _wrong(text, f"the cluster has no {place[0]} {place[1]}")
    listed = [addresses[job][number] for job, number in places]
    for address in listed:
        if not re.fullmatch(r".+:\d+", str(address)):
            raise _wrong(text, f"{address!r} is not host:port")
    if len(set(listed)) < len(listed):
        raise _wrong(text, "two workers have the same address")
    return Cluster(tuple(listed), places.index(place))


def _wrong(text, reason):
    return ValueError(
        f"TF_CONFIG: {reason}. Set it as in {EXAMPLE}, with another index for each "
        f"worker, or unset it to train on this machine alone. Received: {text}"
    )


def _from_slurm(environment):
    tasks = int(environment["SLURM_STEP_NUM_TASKS"])
    job = int(environment.get("SLURM_JOB_ID", 0))
    try:
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=FIRST_PORT + PORTS * (job % 1000),
            gpus_per_node=tasks,
            auto_set_gpu=False,  # SLURM gives each task its GPUs
        )
        addresses = resolver.cluster_spec().job_tasks("worker")
    except (RuntimeError, KeyError) as error:
        raise ValueError(
            f"SLURM: the variables of this step cannot be read ({error}). Start the "
            "workers with srun, or set TF_CONFIG."
        ) from None
    # TensorFlow orders the nodes by name; SLURM's order may differ.
    host, node = addresses[resolver.task_id].partition(":")[0], "SLURMD_NODENAME"
    if environment.get(node, host) != host:
        raise ValueError(
            f"SLURM orders its tasks differently from TensorFlow: task "
            f"{resolver.task_id} is on {environment[node]}, not on {host}. Use "
            "srun --distribution=block and nodes whose numbers all have the same "
            "length, or set TF_CONFIG."
        )
    return Cluster(tuple(addresses), resolver.task_id)


def wait_for_peers(cluster, seconds):
    """Waits until every worker accepts connections.

    TensorFlow itself would wait longer and not name the missing workers.

    Args:
        cluster: A `Cluster`.
        seconds: Maximum time to wait, in seconds.

    Raises:
        ConnectionError: If a worker is missing after that time; the message names it.
    """
    port = int(cluster.addresses[cluster.index].rpartition(":")[2])
    missing = {n: a for n, a in enumerate(cluster.addresses) if n != cluster.index}
    try:
        dualstack = socket.has_dualstack_ipv6()
        listener = socket.create_server(
            ("", port),
            family=socket.AF_INET6 if dualstack else socket.AF_INET,
            dualstack_ipv6=dualstack,
        )
    except OSError as error:
        raise ConnectionError(
            f"Worker {cluster.index} cannot listen on port {port} ({error}). Stop the "
            "process that uses it, such as a worker of an earlier run or with the same "
            "index."
        ) from error
    with listener:  # peers can connect before TensorFlow listens
        end = time.monotonic() + seconds
        while missing:
            for number, address in list(missing.items()):
                if _accepts_connections(address):
                    del missing[number]
            if missing and time.monotonic() > end:
                names = ", ".join(f"worker {n} ({a})" for n, a in missing.items())
                raise ConnectionError(
                    f"Waited {seconds:g} s for {names} of {len(cluster.addresses)} "
                    "workers. Start every worker with its own task index, and check "
                    "that the ports are open. To wait longer, set "
                    f"{WAIT_VARIABLE}=SECONDS."
                )
            time.sleep(0.1 if missing else 0)


def _accepts_connections(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def gather_numbers(strategy, number):
    """All-gathers an integer from every worker; a barrier.

    Every worker has to call it. Returns one number per replica, in their order.
    """
    if is_alone(strategy):
        return np.array([number])
    return _gathering(strategy)(tf.constant([number], "int64")).numpy()


@functools.cache  # TensorFlow warns of a function that is traced again and again
def _gathering(strategy):
    @tf.function(autograph=False)
    def gather(value):
        return strategy.gather(strategy.run(tf.identity, args=(value,)), axis=0)

    return gather


def is_alone(strategy):
    """Returns whether this process is the only worker; it may have several GPUs."""
    return strategy.cluster_resolver is None


@contextmanager
def lost_workers(strategy):
    """Converts TensorFlow's errors about a lost worker to a `ConnectionError`.

    Raises:
        ConnectionError: If a worker is lost while the block runs; the message names it.
    """
    errors = tf.errors
    lost = (errors.UnavailableError, errors.AbortedError, errors.InternalError)
    try:
        yield
    except (*lost, errors.DeadlineExceededError, errors.CancelledError) as error:
        if is_alone(strategy):
            raise
        addresses = strategy.cluster_resolver.cluster_spec().job_tasks("worker")
        numbers = sorted(set(re.findall(r"/task:(\d+)", error.message)))
        names = ", ".join(f"worker {n} ({addresses[int(n)]})" for n in numbers)
        raise ConnectionError(
            f"Lost {names or 'a worker: ' + first_line(error.message)}. Check its last "
            "output, then start all workers again with the same command: training "
            "resumes from the last checkpoint."
        ) from error


def decorrelate_dropout(variables, strategy):
    """Gives each replica its own dropout seed; Keras gives all the same."""
    if strategy.num_replicas_in_sync == 1:
        return
    resolver = strategy.cluster_resolver
    for variable in variables:
        if variable.path.endswith("seed_generator_state"):
            copies = strategy.experimental_local_results(variable.value)
            first = len(copies) * (resolver.task_id if resolver else 0)
            for number, copy in enumerate(copies, first):
                copy.assign_add(tf.constant([number, 0], copy.dtype))
