"""Files of a part of a text: numbers of tokens with their counts, and token ids."""

import functools
import zipfile

import numpy as np

from apps.common.portable.files import atomic_write
from apps.language_modeling.encoding import REPLACED, id_table, write_numbers

OPEN_SHARDS = 256  # maximum number of memory-mapped files; the system limits them


class Shards:
    """Token ids in several files, which are sliced like one array `(tokens,)`.

    A file is memory-mapped when a slice needs it, so that a worker reads only the rows
    of its streams.

    Args:
        paths: Paths of the files, in the order of the text.
        lengths: Number of token ids in each file.
    """

    def __init__(self, paths, lengths):
        self.paths, self.ends = paths, np.cumsum([0, *lengths])
        self._shard = functools.lru_cache(OPEN_SHARDS)(lambda n: open_ids(paths[n]))

    def __len__(self):
        """Returns the number of token ids."""
        return int(self.ends[-1])

    def __getitem__(self, index):
        """Returns a slice of consecutive token ids, int32; it is a copy."""
        start, end, step = index.indices(len(self))
        if step != 1:
            raise ValueError(f"Expected consecutive token ids. Received: {index}.")
        rows, first = np.empty(max(end - start, 0), "int32"), start
        number = int(np.searchsorted(self.ends, start, "right")) - 1
        while first < end:
            begin = self.ends[number]
            ids = self._shard(number)[first - begin : end - begin]
            rows[first - start : first - start + len(ids)] = ids
            first, number = first + len(ids), number + 1
        return rows


def open_ids(path):
    """Opens a file of `write_ids`; returns its token ids, memory-mapped.

    Raises:
        ValueError: If the file is damaged.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path.name}: {error}") from None


def write_part(path, texts, config):
    """Writes the numbers of the tokens of a part, its tokens, and their counts.

    Args:
        path: Path of the file, a ZIP archive, whose checksums show damage.
        texts: The lines of the part.
        config: A `DataConfig`.
    """
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        with archive.open("numbers", "w", force_zip64=True) as file:
            reader = write_numbers(texts, config, file)
        tokens, counts = [], []
        for segment, occurrences in reader.segments():
            tokens += segment
            counts += occurrences.tolist()
        archive.writestr("tokens", b"\n".join(tokens))
        archive.writestr("counts", np.array(counts, "int64").tobytes())


def token_counts(path):
    """Returns pairs of a token, UTF-8 `bytes`, and its count, from `write_part`."""
    with zipfile.ZipFile(path) as archive:
        counts = np.frombuffer(archive.read("counts"), "int64").tolist()
        return zip(_tokens(archive), counts, strict=True)


def write_ids(path, part, known):
    """Writes the token ids of a part, an .npy file.

    Args:
        path: Path of the file.
        part: Path of the part's file of `write_part`.
        known: `KnownIds` of the vocabulary.
    """
    with zipfile.ZipFile(part) as archive, archive.open("numbers") as numbers:
        table = id_table(_tokens(archive), known)
        count = archive.getinfo("numbers").file_size // 4
        header = {"descr": "<i4", "fortran_order": False, "shape": (count,)}
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            while block := numbers.read(4 * REPLACED):
                file.write(table[np.frombuffer(block, "int32")])


def _tokens(archive):
    tokens = archive.read("tokens")
    return tokens.split(b"\n") if tokens else []
