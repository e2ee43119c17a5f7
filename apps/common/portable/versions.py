"""Where the versions of an exported model lie: `<model>/<version>/saved_model.pb`."""

from pathlib import Path

GRAPH = "saved_model.pb"
WARMUP = Path("assets.extra", "tf_serving_warmup_requests")  # within a version


def versions(directory):
    """Returns the numbers of the versions in a model's directory, in order."""
    directory = Path(directory)
    if not directory.is_dir():
        return []
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit())


def newest_version(directory):
    """Returns the path of the highest version in a model's directory, or None."""
    numbers = versions(directory)
    return Path(directory, str(numbers[-1])) if numbers else None
