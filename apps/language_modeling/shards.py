"""Files of a part of a text: numbers of tokens with their counts, and token ids."""

import functools
import zipfile
import zlib

import numpy as np

from apps.common.data.vocabulary import TokenCounts
from apps.common.portable.files import atomic_write
from apps.common.portable.patterns import END, UNKNOWN
from apps.language_modeling.encoding import REPLACED, id_table, write_numbers

BUCKETS = 64  # of the tokens of a text: more workers than these do not count them
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

    The tokens are in buckets, by a hash, so that workers can share their counting.

    Args:
        path: Path of the file, a ZIP archive, whose checksums show damage.
        texts: The lines of the part.
        config: A `DataConfig`.
    """
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        with archive.open("numbers", "w", force_zip64=True) as file:
            reader = write_numbers(texts, config, file)
        tokens, counts, numbers = ([bytearray() for _ in range(BUCKETS)] for _ in "123")
        first = 0
        for segment, occurrences in reader.segments():
            hashes = np.fromiter(map(zlib.crc32, segment), "uint32", len(segment))
            order = np.argsort(hashes % BUCKETS, kind="stable")
            sizes = np.bincount(hashes % BUCKETS, minlength=BUCKETS)
            for bucket, own in enumerate(np.split(order, np.cumsum(sizes)[:-1])):
                tokens[bucket] += b"".join(segment[n] + b"\n" for n in own)
                counts[bucket] += occurrences[own].tobytes()
                numbers[bucket] += (first + own).tobytes()
            first += len(segment)
        for bucket in range(BUCKETS):
            archive.writestr(f"tokens-{bucket}", tokens[bucket])
            archive.writestr(f"counts-{bucket}", counts[bucket])
        archive.writestr("numbers-of-tokens", b"".join(numbers))


def frequent_tokens(paths, bucket, config):
    """Returns the most frequent tokens of a bucket with their counts, a dictionary.

    They are as many as the vocabulary may have.

    Args:
        paths: Paths of the files of `write_part` of the training split.
        bucket: Number of the bucket, below `BUCKETS`.
        config: A `DataConfig`.
    """
    counts = TokenCounts()
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            numbers = np.frombuffer(archive.read(f"counts-{bucket}"), "int64").tolist()
            counts.add(zip(_tokens(archive, bucket), numbers, strict=True))
    kept = counts.most_frequent(
        config.vocabulary_size, config.min_count, without=(UNKNOWN, END)
    )
    return {token: counts.counts[token.encode()] for token in kept}


def write_ids(path, part, known):
    """Writes the token ids of a part, an .npy file.

    Args:
        path: Path of the file.
        part: Path of the part's file of `write_part`.
        known: `KnownIds` of the vocabulary.
    """
    with zipfile.ZipFile(part) as archive, archive.open("numbers") as numbers:
        of_tokens = np.frombuffer(archive.read("numbers-of-tokens"), "int64")
        tokens = [_tokens(archive, bucket) for bucket in range(BUCKETS)]
        table = np.empty(len(of_tokens), "int32")
        table[of_tokens] = np.concatenate([id_table(own, known) for own in tokens])
        count = archive.getinfo("numbers").file_size // 4
        header = {"descr": "<i4", "fortran_order": False, "shape": (count,)}
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            while block := numbers.read(4 * REPLACED):
                file.write(table[np.frombuffer(block, "int32")])


def _tokens(archive, bucket):
    return archive.read(f"tokens-{bucket}").split(b"\n")[:-1]
