"""Counts, cuts and joins the rows of a batch."""

import numpy as np

OTHER_VERSION = "Another version was loaded between two calls: give version=."


def count_rows(arrays, call_name):
    """Returns the number of rows of a batch; 1 if no input has a batch dimension.

    Args:
        arrays: Input arrays by name.
        call_name: Name of the model and signature in messages.

    Raises:
        ValueError: If the inputs differ in their number of rows, or have none.
    """
    counts = {name: len(array) for name, array in arrays.items() if array.ndim}
    if len(set(counts.values())) > 1:
        raise ValueError(
            f"{call_name}: expected columns of equal lengths. Received: {counts}."
        )
    count = next(iter(counts.values()), 1)
    if not count:
        raise ValueError(
            f"{call_name}: expected at least one row. Received: none. Give a row: "
            "TensorFlow Serving never answers a batch of zero rows."
        )
    return count


def cut_rows(arrays, count, size):
    """Yields the arrays of at most `size` rows and their number, in order."""
    for start in range(0, count, size):
        stop = min(start + size, count)
        rows = {
            name: array[start:stop] if array.ndim else array
            for name, array in arrays.items()
        }
        yield rows, stop - start


def check_joinable(specs, count, max_rows, call_name):
    """Checks that the answers of several calls can be joined.

    Args:
        specs: The signature's outputs, `Spec` by name.
        count: Number of rows.
        max_rows: Maximum number of rows in a call.
        call_name: Name of the model and signature in messages.

    Raises:
        ValueError: If an output has no batch dimension. One output for all rows cannot
            be computed from those of several calls.
    """
    for name, spec in specs.items():
        if spec.shape is not None and spec.shape[:1] != (None,):
            raise ValueError(
                f"{call_name}: output {name}, {spec}, has no batch dimension, so that "
                f"the answers of several calls cannot be joined. Received: {count} "
                f"rows. Give at most {max_rows}, or set max_rows."
            )


def join_rows(parts, counts, specs):
    """Joins the outputs of several calls in order.

    Dimensions of any size are padded at the end to the largest, as one call would have
    padded them: with 0, "" or False.

    Args:
        parts: For each call its outputs, arrays by name.
        counts: For each call its number of rows.
        specs: The signature's outputs, `Spec` by name.

    Raises:
        ValueError: If an output has another number of rows than were sent, or the calls
            were answered by models with other outputs.
    """
    if any(part.keys() != specs.keys() for part in parts):
        raise ValueError(f"expected the outputs {', '.join(specs)}. {OTHER_VERSION}")
    return {
        name: _join(name, [part[name] for part in parts], counts, spec)
        for name, spec in specs.items()
    }


def _join(name, arrays, counts, spec):
    shapes = [array.shape for array in arrays]
    same_rank = len(set(map(len, shapes))) == 1
    if not same_rank or [shape[:1] for shape in shapes] != [(n,) for n in counts]:
        raise ValueError(
            f"output {name}: expected {counts} rows from the calls. Received: shapes "
            f"{shapes}. Give fewer rows, so that one call suffices."
        )
    sizes = spec.shape or [None] * len(shapes[0])
    for size, *lengths in zip(sizes, *shapes, strict=False):
        if size is not None and len(set(lengths)) > 1:
            raise ValueError(
                f"output {name}: expected {spec} from each call. Received: shapes "
                f"{shapes}. {OTHER_VERSION}"
            )
    fill = np.zeros((), arrays[0].dtype)[()]
    if arrays[0].dtype == object:
        fill = b"" if name.endswith("_bytes") else ""
    joined = np.full([sum(counts), *np.max(shapes, axis=0)[1:]], fill, arrays[0].dtype)
    start = 0
    for array in arrays:
        place = (slice(start, start + len(array)), *map(slice, array.shape[1:]))
        joined[place] = array
        start += len(array)
    return joined
