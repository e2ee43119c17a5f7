"""One worker or many: which strategy training runs on, and who writes."""

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

WAIT_S, WAIT_VARIABLE = 300, "CAROUSEL_WAIT_S"
EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Cluster:
    """The workers' addresses, `host:port`, the chief's first, and which is this one."""

    addresses: tuple
    index: int


def training_strategy():
    """Returns the `tf.distribute.Strategy` that fits what this process is part of.

    Several workers, as TF_CONFIG or SLURM tells them: `MultiWorkerMirroredStrategy`.
    Several GPUs: `MirroredStrategy`. Else TensorFlow's default, which does nothing. To
    be called before TensorFlow computes anything.

    Raises:
        ValueError: If TF_CONFIG is wrong.
        ConnectionError: If a worker is not there in time.
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


@functools.cache  # TensorFlow joins a cluster once
def _workers(cluster):
    seconds = os.environ.get(WAIT_VARIABLE, str(WAIT_S))
    if not re.fullmatch(r"\d+(\.\d*)?", seconds):
        raise ValueError(f"{WAIT_VARIABLE}: expected seconds. Received: {seconds!r}.")
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
            "TensorFlow could not join the workers. Start all of them again. It said: "
            f"{_first_line(error)}"
        ) from error


def is_chief(strategy):
    """Whether this process is the one that writes."""
    resolver = strategy.cluster_resolver
    return resolver is None or resolver.task_id == 0


def cluster_of(environment):
    """Returns the `Cluster` that environment variables tell of, or None.

    Args:
        environment: A mapping; TF_CONFIG goes before the variables of a SLURM step,
            which TensorFlow reads from the process's own environment.

    Raises:
        ValueError: If they do not describe a cluster of workers.
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
        found = json.loads(text)
        jobs, task = found.get("cluster") or {}, found.get("task") or {}
        addresses = {job: list(jobs.get(job, ())) for job in ("chief", "worker")}
        place = task.get("type"), int(task.get("index", -1))
    except (ValueError, TypeError, AttributeError) as error:
        raise _wrong(text, f"it cannot be read ({error})") from None
    if others := sorted(set(jobs) - set(addresses)):
        raise _wrong(text, f"a cluster has workers and perhaps a chief, not {others}")
    if sum(map(len, addresses.values())) < 2:
        return Cluster(tuple(itertools.chain(*addresses.values())), 0)
    every = [(job, n) for job in addresses for n in range(len(addresses[job]))]
    if not {"type", "index"} <= set(task):
        raise _wrong(text, "the task has no type or no index")
    if place not in every:
        raise _wrong(text, f"the cluster has no {place[0]} {place[1]}")
    listed = [addresses[job][number] for job, number in every]
    for address in listed:
        if not re.fullmatch(r".+:\d+", str(address)):
            raise _wrong(text, f"{address!r} is no host:port")
    if len(set(listed)) < len(listed):
        raise _wrong(text, "two workers have one address")
    return Cluster(tuple(listed), every.index(place))


def _wrong(text, reason):
    return ValueError(
        f"TF_CONFIG: {reason}. Expected something like {EXAMPLE}, each worker with an "
        f"index of its own, or no TF_CONFIG to train alone. Received: {text}"
    )


def _from_slurm(environment):
    tasks = int(environment["SLURM_STEP_NUM_TASKS"])
    try:
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            gpus_per_node=tasks,
            auto_set_gpu=False,  # SLURM gives each task its GPUs
        )
        addresses = resolver.cluster_spec().job_tasks("worker")
    except (RuntimeError, KeyError) as error:
        raise ValueError(
            f"The variables of the SLURM step cannot be read ({error}). Start the "
            "workers with srun, or set TF_CONFIG."
        ) from None
    # TensorFlow orders nodes by name, SLURM as it likes.
    host, node = addresses[resolver.task_id].partition(":")[0], "SLURMD_NODENAME"
    if environment.get(node, host) != host:
        raise ValueError(
            f"SLURM counts its tasks in another order than TensorFlow: task "
            f"{resolver.task_id} is on {environment[node]}, not on {host}. Take "
            "srun --distribution=block, and nodes whose names have numbers of one "
            "length; or set TF_CONFIG."
        )
    return Cluster(tuple(addresses), resolver.task_id)


def wait_for_peers(cluster, seconds):
    """Returns when every worker can be reached.

    TensorFlow itself would wait for longer, and not say for whom.

    Args:
        cluster: A `Cluster`.
        seconds: How long to wait.

    Raises:
        ConnectionError: If the time is over; names who is missing.
    """
    port = int(cluster.addresses[cluster.index].rpartition(":")[2])
    missing = {n: a for n, a in enumerate(cluster.addresses) if n != cluster.index}
    try:
        both = socket.has_dualstack_ipv6()
        listener = socket.create_server(
            ("", port),
            family=socket.AF_INET6 if both else socket.AF_INET,
            dualstack_ipv6=both,
        )
    except OSError as error:
        raise ConnectionError(
            f"Worker {cluster.index} cannot listen at port {port} ({error}). Is there "
            "another worker of this index on this machine, or one left from before?"
        ) from error
    with listener:  # others see that this one is there before TensorFlow listens
        end = time.monotonic() + seconds
        while missing:
            for number, address in list(missing.items()):
                if _answers(address):
                    del missing[number]
            if missing and time.monotonic() > end:
                names = ", ".join(f"worker {n} ({a})" for n, a in missing.items())
                raise ConnectionError(
                    f"Waited {seconds:g} s for {names} of {len(cluster.addresses)} "
                    "workers. Start every worker, each with its own task index, and "
                    f"see that the ports are open; {WAIT_VARIABLE} is how many seconds "
                    "to wait."
                )
            time.sleep(0.1 if missing else 0)


def _answers(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def gather_numbers(strategy, number):
    """Returns the number that each replica's worker gives, in their order.

    All workers have to call it; none goes on before all have.
    """
    if is_alone(strategy):
        return np.array([number])

    @tf.function(autograph=False)
    def gathered(value):
        return strategy.gather(strategy.run(tf.identity, args=(value,)), axis=0)

    return gathered(tf.constant([number], "int64")).numpy()


def is_alone(strategy):
    """Whether there is no other worker; there may be several GPUs."""
    return strategy.cluster_resolver is None


@contextmanager
def lost_workers(strategy):
    """Turns TensorFlow's error for a worker that is gone into one line.

    Raises:
        ConnectionError: If that happens in the block.
    """
    errors = tf.errors
    gone = (errors.UnavailableError, errors.AbortedError, errors.InternalError)
    try:
        yield
    except (*gone, errors.DeadlineExceededError, errors.CancelledError) as error:
        if is_alone(strategy):
            raise
        addresses = strategy.cluster_resolver.cluster_spec().job_tasks("worker")
        numbers = sorted(set(re.findall(r"/task:(\d+)", error.message)))
        names = ", ".join(f"worker {n} ({addresses[int(n)]})" for n in numbers)
        raise ConnectionError(
            f"Lost {names or 'a worker: ' + _first_line(error)}. See what it said "
            "last, and start all workers again by the same command: training goes on "
            "from the last checkpoint."
        ) from error


def _first_line(error):
    return next(iter(error.message.splitlines()), "nothing")


def decorrelate_dropout(variables, strategy):
    """Lets each replica drop others than the one beside it.

    Keras gives every replica the same random state.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    resolver = strategy.cluster_resolver
    for variable in variables:
        if variable.path.endswith("seed_generator_state"):
            copies = strategy.experimental_local_results(variable.value)
            first = len(copies) * (resolver.task_id if resolver else 0)
            for number, copy in enumerate(copies, first):
                copy.assign_add(tf.constant([number, 0], copy.dtype))
