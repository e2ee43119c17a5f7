"""What the processor multiplies is what Linux says of it."""

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
