"""Returns the cores of this process, and what the processor multiplies."""

import os
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")  # Linux alone has it
AMX = {"amx_bf16"}
AMD = {"AuthenticAMD", "avx512_bf16"}  # Zen 4 and later


def available_cores():
    """Returns the numbers of the cores that this process may use, in order.

    macOS and Windows do not report them: there, all cores of the machine.
    """
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def multiplies_bfloat16():
    """Returns whether the processor multiplies bfloat16 faster than float32.

    Two kinds do: those with matrix units (AMX), and AMD's with dot products of bfloat16
    (AVX-512), whose products of a softmax take 0.55 of the time. On Intel's such dot
    products do not count: there a softmax takes longer than in float32. Where the
    system does not say, the answer is False.
    """
    if not CPUINFO.exists():
        return False
    words = set(CPUINFO.read_text().split())
    return words.issuperset(AMX) or words.issuperset(AMD)
