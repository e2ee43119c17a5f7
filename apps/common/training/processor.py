"""Reads what the processor multiplies."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")  # Linux alone has it
AMX_BFLOAT16 = "amx_bf16"


def multiplies_bfloat16():
    """Returns whether the processor multiplies matrices of bfloat16 (AMX).

    The processor's dot products of bfloat16 (AVX-512) do not count: with them a softmax
    takes longer than in float32. Where the system does not say, the answer is False.
    """
    if not CPUINFO.exists():
        return False
    return AMX_BFLOAT16 in CPUINFO.read_text().split()
