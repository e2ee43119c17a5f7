"""Lists the versions of an exported model, `<model>/<version>/`, and their files."""

import re
from pathlib import Path

GRAPH = "saved_model.pb"
ONNX = Path("onnx", "model.json")  # written last; what else is in onnx/ it names
LITERT = Path("litert", "model.json")  # likewise
CELL = "cell.json"  # with which a page computes the model
FORMAT = 1  # of model.json and cell.json
WARMUP = Path("assets.extra", "tf_serving_warmup_requests")  # in a version's directory


def versions(directory):
    """Returns the version numbers in a model's directory, ascending."""
    directory = Path(directory)
    if not directory.is_dir():
        return []
    names = (path.name for path in directory.iterdir())
    return sorted(int(name) for name in names if re.fullmatch("[0-9]+", name))


def newest_version(directory):
    """Returns the path of the highest version in a model's directory, or None."""
    numbers = versions(directory)
    return Path(directory, str(numbers[-1])) if numbers else None
