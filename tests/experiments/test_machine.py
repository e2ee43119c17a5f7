"""The machine in recorded results: its cores, where the system reports them or not."""

import os

from experiments.machine import hardware, versions


def test_hardware_has_the_number_of_available_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5, 2}, raising=False)
    assert hardware().startswith("2 cores of ")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5}, raising=False)
    assert hardware().startswith("1 core of ")


def test_versions_are_those_of_the_packages():
    assert versions(("numpy",)) == {"numpy": __import__("numpy").__version__}
