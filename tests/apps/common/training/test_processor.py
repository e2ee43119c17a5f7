"""What the processor multiplies is what Linux says of it, and so are its cores."""

import os

import pytest

from apps.common.training import processor


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("GenuineIntel", "fpu avx512_bf16 amx_bf16", True),
        ("GenuineIntel", "fpu avx512_bf16", False),
        ("AuthenticAMD", "fpu avx512_bf16", True),
        ("AuthenticAMD", "fpu avx512f", False),
        (None, None, False),
    ],
)
def test_a_processor_multiplies_bfloat16_with_amx_or_dot_products_of_amd(
    tmp_path, monkeypatch, vendor, flags, expected
):
    path = tmp_path / "cpuinfo"
    if vendor:
        path.write_text(f"vendor_id\t: {vendor}\nflags\t\t: {flags} amx_tile\n")
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
