"""Returns the cores of this process, and what the processor multiplies."""

import os
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")  # Linux alone has it
AMX_BFLOAT16 = "amx_bf16"


def available_cores():
    """Returns the numbers of the cores that this process may use, in order.

    macOS and Windows do not report them: there, all cores of the machine.
    """
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def multiplies_bfloat16():
    """Returns whether the processor multiplies matrices of bfloat16 (AMX).

    The processor's dot products of bfloat16 (AVX-512) do not count: with them a softmax
    takes longer than in float32. Where the system does not say, the answer is False.
    """
    if not CPUINFO.exists():
        return False
    return AMX_BFLOAT16 in CPUINFO.read_text().split()
