"""What the processor multiplies is what Linux says of it, and so are its cores."""

import os

import pytest

from apps.common.training import processor


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx512_bf16 amx_bf16", True), ("fpu avx512_bf16", False), (None, False)],
)
def test_a_processor_multiplies_bfloat16_if_linux_names_amx_bf16(
    tmp_path, monkeypatch, flags, expected
):
    path = tmp_path / "cpuinfo"
    if flags:
        path.write_text(f"model name\t: Some\nflags\t\t: {flags} amx_tile\n")
    monkeypatch.setattr(processor, "CPUINFO", path)
    assert processor.multiplies_bfloat16() is expected


def test_without_affinity_all_cores_are_available(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert processor.available_cores() == [0, 1, 2]
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processor.available_cores() == [0]


def test_with_affinity_its_cores_are_available(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5, 2}, raising=False)
    assert processor.available_cores() == [2, 5]
