"""Leaves out faulty rows of the user's files, counts them and lists them."""

from apps.common.portable.terminal import report_once

LISTED = 10  # rows left out whose faults are printed
WAY_OUT = "Correct it or delete it, or set data.skip_bad_rows=true."


class RowError(ValueError):
    """The fault of a row, with its file and line.

    Args:
        message: The fault.
        record: The columns that could be read.
    """

    def __init__(self, message, record=None):
        super().__init__(message)
        self.record = record or {}


def good_rows(path, rows, skip_bad_rows, noun="rows"):
    """Yields the rows without faults; the others are left out, counted and listed.

    The list goes to standard error at the end of the file, once per process.

    Args:
        path: Path of the file, for messages.
        rows: An iterable of rows, and of a `RowError` for each faulty one.
        skip_bad_rows: Whether to leave out faulty rows; if not, the first one is
            raised.
        noun: What the rows are, for messages.

    Raises:
        ValueError: If a row is faulty and may not be left out, or if more than half of
            the rows are faulty.
    """
    total, bad, reasons = 0, 0, []
    for row in rows:
        total += 1
        if not isinstance(row, RowError):
            yield row
            continue
        if not skip_bad_rows:
            raise ValueError(f"{row} {WAY_OUT}")
        bad += 1
        if bad <= LISTED:
            reasons.append(str(row))
    if not bad:
        return
    if 2 * bad > total:
        raise ValueError(
            f"{path}: {bad} of {total} {noun} are faulty, too many to leave out. The "
            f"first: {reasons[0]}"
        )
    more = [f"and {bad - LISTED} more"] if bad > LISTED else []
    heading = f"{path}: left out {bad} of {total} {noun}:"
    report_once("\n  ".join([heading, *reasons, *more]))
