"""The machine in recorded results: its cores, where the system reports them or not."""

import os

from experiments.machine import available_cores, hardware, versions


def test_without_affinity_all_cores_are_available(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert available_cores() == [0, 1, 2]
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == [0]


def test_with_affinity_its_cores_are_available(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5, 2}, raising=False)
    assert available_cores() == [2, 5]
    assert hardware().startswith("2 cores of ")


def test_versions_are_those_of_the_packages():
    assert versions(("numpy",)) == {"numpy": __import__("numpy").__version__}
