"""A sequence of rows that spills from memory to a temporary file."""

import operator
import os
import tempfile
import weakref
from array import array

import numpy as np

IN_MEMORY = 16 * 2**20  # maximum number of bytes of the last rows in memory


class Spool:
    """A sequence of texts or arrays that may be larger than memory.

    Rows beyond `IN_MEMORY` bytes are written to an unnamed file in `$TMPDIR`, which is
    deleted with the spool. They are read, not memory-mapped, so that reading leaves no
    pages resident. Each row also takes 8 bytes of memory.

    >>> rows = Spool("int32")
    >>> rows.extend([[1, 2, 3], [], [4]])
    >>> len(rows), rows[0], rows[-1]
    (3, array([1, 2, 3], dtype=int32), array([4], dtype=int32))

    Args:
        kind: Type of a row: `bytes`, `str`, or the dtype of a 1-D array.
        rows: Initial rows.
    """

    def __init__(self, kind, rows=()):
        self.kind = kind if kind in (bytes, str) else np.dtype(kind)
        self.ends, self.file, self.written, self.last = array("q"), None, 0, bytearray()
        self.extend(rows)

    def append(self, row):
        """Appends a row; unpaired surrogates of a string become question marks."""
        if self.kind is str:
            row = row.encode("utf-8", "replace")
        elif self.kind is not bytes:
            row = np.asarray(row, self.kind).tobytes()
        self.last += row
        self.ends.append(self.written + len(self.last))
        if len(self.last) > IN_MEMORY:
            self._write()

    def extend(self, rows):
        """Appends rows."""
        for row in rows:
            self.append(row)

    def __len__(self):
        """Returns the number of rows."""
        return len(self.ends)

    def __getitem__(self, index):
        """Returns a row, or for a slice a list of rows."""
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        n = operator.index(index)
        n += len(self) if n < 0 else 0
        if not 0 <= n < len(self):
            raise IndexError(f"No such row among {len(self)}. Received: {index}.")
        start, end = self.ends[n - 1] if n else 0, self.ends[n]
        if start < self.written:
            row = os.pread(self.file.fileno(), end - start, start)
        else:
            row = bytes(self.last[start - self.written : end - self.written])
        if self.kind is bytes:
            return row
        return row.decode() if self.kind is str else np.frombuffer(row, self.kind)

    def __iter__(self):
        """Yields the rows in order."""
        return map(self.__getitem__, range(len(self)))

    def _write(self):
        if self.file is None:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as self
            weakref.finalize(self, self.file.close)
        self.file.write(self.last)
        self.file.flush()
        self.written += len(self.last)
        self.last.clear()
