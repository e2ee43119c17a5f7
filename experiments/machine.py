"""Hardware and package versions that a recorded result names."""

import platform
from importlib.metadata import version
from pathlib import Path

from apps.common.training.processor import available_cores

VERSIONS = ("tensorflow", "keras", "numpy", "scikit-learn")
CPUINFO = Path("/proc/cpuinfo")  # Linux alone has it


def hardware():
    """Returns the number of cores and the processor, without the machine's name."""
    cores = len(available_cores())
    return f"{cores} core{'s' * (cores > 1)} of {_processor()}"


def versions(packages=VERSIONS):
    """Returns the installed version of each package, by name."""
    return {package: version(package) for package in packages}


def _processor():
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    models = [line for line in lines if line.startswith("model name")]
    if models:
        return models[0].partition(":")[2].strip()
    return platform.processor() or platform.machine()
