"""Reads what TensorFlow's strided slice cuts, drops and adds."""

FAR = 2**31 - 1  # beyond the end of every axis; -FAR is before its beginning


def cuts(op, rank, begin, end, strides):
    """Returns what a `StridedSlice` does.

    Args:
        op: The operation.
        rank: Number of axes of its input.
        begin: First index of each part of the slice.
        end: Index after the last of each part.
        strides: Step of each part.

    Returns:
        `(axis, first, end, step)` of each axis that is cut; the axes that are dropped
        then, and those that are added last.
    """
    axis, slices, dropped, added = 0, [], [], []
    for n, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        if _is_set(op, "ellipsis", n):
            later = range(n + 1, len(begin))
            axis = rank - sum(not _is_set(op, "new_axis", other) for other in later)
        elif _is_set(op, "new_axis", n):
            added.append(axis - len(dropped) + len(added))
        elif _is_set(op, "shrink_axis", n):
            slices.append((axis, first, FAR if first == -1 else first + 1, 1))
            dropped.append(axis)
            axis += 1
        else:
            if _is_set(op, "begin", n):
                first = 0 if step > 0 else FAR
            if _is_set(op, "end", n):
                last = FAR if step > 0 else -FAR
            if (first, last, step) != (0, FAR, 1):
                slices.append((axis, first, last, step))
            axis += 1
    return slices, dropped, added


def _is_set(op, mask, n):
    return bool(op.get_attr(f"{mask}_mask") >> n & 1)
