"""Encodes a large text once, by all workers together, into shards of token ids.

A corpus is a directory named by a hash of its files and settings. The text is cut into
parts. Each worker numbers and counts the tokens of its parts (`.zip`). Then it adds up
the counts of its buckets of tokens (`.json`), from which the chief makes the
vocabulary. Then each worker replaces the numbers of its parts by token ids (`.npy`).
A worker with a large share of the text does so in several processes on its cores.

Each file is written atomically, so that the same command goes on after a kill. No
worker looks for a file of another before a barrier that follows the file: a network
file system may remember for seconds that a file did not exist.
"""

import errno
import hashlib
import json
import zlib
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from apps.common.data.vocabulary import TokenCounts, Vocabulary
from apps.common.portable.files import exclusive_lock, write_json
from apps.common.portable.progress import Progress
from apps.common.portable.run_files import VOCABULARY
from apps.common.training.cluster import gather_numbers, is_alone
from apps.language_modeling import files, parts
from apps.language_modeling.corpus_steps import (
    bucket_path,
    count_bucket,
    damage_in,
    encode_part,
    number_part,
)
from apps.language_modeling.encoding import build_vocabulary, empty_split
from apps.language_modeling.processes import process_count, processes
from apps.language_modeling.shards import BUCKETS, Shards, open_ids

FORMAT = 1  # a change of the files, or of what decides the token ids, is a new number
DONE = "corpus.json"  # written last
SETTINGS = ("tokens", "token_rules", "encoding", "vocabulary_size", "min_count")
DIGEST_BYTES = 7  # of the hash: workers exchange it as a signed number of 64 bits


@dataclass(frozen=True)
class Corpora:
    """The folder of all corpora, and the workers that encode them together.

    Attributes:
        directory: Path of the folder, which all workers must see.
        index: Index of this worker; 0 is the chief.
        count: Number of workers.
        gather: Function that all-gathers an integer from every worker; a barrier.
        processes: Number of processes of this worker; None chooses it by the text.
    """

    directory: Path
    index: int = 0
    count: int = 1
    gather: Callable = lambda number: [number]
    processes: int | None = None

    @classmethod
    def of_run(cls, run):
        """Returns the corpora beside the directory of a `Run`."""
        directory, strategy = Path(run.directory).parent / "corpora", run.strategy
        if is_alone(strategy):
            return cls(directory)
        resolver = strategy.cluster_resolver
        count = resolver.cluster_spec().num_tasks("worker")
        replicas = strategy.num_replicas_in_sync // count

        def gather(number):
            return gather_numbers(strategy, int(number))[::replicas].tolist()

        return cls(directory, resolver.task_id, count, gather)

    @property
    def chief(self):
        """Whether this worker is the chief."""
        return self.index == 0

    def encode(self, config, splits):
        """Encodes a text, or finds it encoded.

        Args:
            config: A `DataConfig` with the dataset "files".
            splits: Names of the splits, with "train".

        Returns:
            The directory of the corpus, or None for a text that is no larger than one
            part: its encoding takes seconds, and would leave files to be deleted.

        Raises:
            ValueError: If the text cannot be read or changes, the workers see files of
                different sizes, or the corpus is damaged or cannot be written.
        """
        stamps = _stamps(config, splits)
        sizes = [size for _, size, _ in stamps]
        if len(set(self.gather(zlib.crc32(repr(sizes).encode())))) > 1:
            raise ValueError(
                "data.file: the workers see files of different sizes. Give all of them "
                "the same files."
            )
        if sum(sizes) <= parts.PART_BYTES:
            return None
        # The chief's, as copies of a file may differ in their time of change.
        digest = self.gather(_digest(config, splits, stamps))[0]
        directory = self.directory / f"{digest:0{2 * DIGEST_BYTES}x}"
        with ExitStack() as stack:
            if self.chief:
                stack.enter_context(_locked(directory))
            if self._is_there(directory / DONE):
                if self.chief:
                    print(f"{directory}: this text is encoded already.")
            else:
                self._encode(directory, config, splits, stamps)
        return directory

    def _is_there(self, path):
        """Returns whether the chief sees a file; a barrier."""
        return bool(self.gather(self.chief and path.exists())[0])

    def _encode(self, directory, config, splits, stamps):
        size = sum(size for _, size, _ in stamps)
        count = self.processes or process_count(size // self.count)
        with processes(count, number_part.__module__) as run:
            every = parts.parts_of(config, splits, self)
            if self.chief:
                plural = "s" * (self.count > 1)
                several = f" with {count} processes" * (count > 1)
                print(
                    f"{directory}: encoding {size:,} bytes of text in {len(every):,} "
                    f"parts, by {self.count} worker{plural}{several}."
                )
            self._write_shards(directory, config, every, run)
        self.gather(0)
        if self.chief:
            if _stamps(config, splits) != stamps:
                raise ValueError(
                    "data.file: a file changed while it was encoded. Run the command "
                    f"again. {directory} can be deleted."
                )
            _write_done(directory, config, every)
        self.gather(0)

    def _write_shards(self, directory, config, every, run):
        """Writes the token ids of this worker's parts, and the chief the vocabulary.

        Args:
            directory: Path of the corpus.
            config: A `DataConfig`.
            every: The parts of all workers.
            run: Function that runs a step; see `processes`.
        """
        own = every[self.index :: self.count]
        buckets = range(BUCKETS)[self.index :: self.count]
        vocabulary = directory / VOCABULARY
        if not self._is_there(vocabulary):
            _show(
                run(number_part, own, directory, config),
                len(own),
                "numbered",
            )
            self.gather(0)
            trained = [directory / f"{p.name}.zip" for p in every if p.split == "train"]
            for _ in run(count_bucket, buckets, directory, trained, config):
                pass
            self.gather(0)
            if self.chief:
                counts = _added_counts(directory)
                build_vocabulary(config, counts).save(vocabulary)
            self.gather(0)
        _show(run(encode_part, own, directory), len(own), "encoded")
        for bucket in buckets:
            bucket_path(directory, bucket).unlink(missing_ok=True)


def opened(directory, config, splits):
    """Opens a corpus; returns its vocabulary, and the `Shards` of each split, by name.

    Args:
        directory: Path that `Corpora.encode` returned.
        config: A `DataConfig`.
        splits: Names of the splits.

    Raises:
        ValueError: If a split is empty, or the corpus is damaged.
    """
    data = {}
    with damage_in(directory):
        done = json.loads((directory / DONE).read_text(encoding="utf-8"))
        lengths = done["tokens"]
        for name, length in lengths.items():
            if len(open_ids(directory / f"{name}.npy")) != length:
                raise EOFError(f"{name}.npy: expected {length} token ids")
        if _checksum(directory / VOCABULARY) != done["vocabulary"]:
            raise EOFError(f"{VOCABULARY}: another checksum than in {DONE}")
        vocabulary = Vocabulary.load(directory / VOCABULARY, config.token_rules)
    for split in splits:
        own = {n: length for n, length in lengths.items() if n.startswith(f"{split}-")}
        paths = [directory / f"{name}.npy" for name in own]
        data[split] = Shards(paths, list(own.values()))
        if not len(data[split]):
            raise empty_split(config, split)
    return {**data, "vocabulary": vocabulary}


def _stamps(config, splits):
    """Returns path, size and time of change of each file of a text, in their order."""
    paths = dict.fromkeys(path for s in splits for path in files.paths_of(config, s))
    stats = [(path, path.stat()) for path in paths]
    return [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]


def _digest(config, splits, stamps):
    """Returns a hash of all that decides the token ids, a number of 56 bits."""
    settings = [getattr(config, name) for name in SETTINGS]
    texts = [[str(path.resolve()), *stamp] for path, *stamp in stamps]
    kind = [FORMAT, parts.PART_BYTES, files.is_folder(config), splits]
    content = json.dumps([kind, settings, texts]).encode()
    return int.from_bytes(hashlib.sha256(content).digest()[:DIGEST_BYTES])


@contextmanager
def _locked(directory):
    """Makes the directory of a corpus and locks it; waits for another run's chief."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise ValueError(
            f"{directory}: {error.strerror}. A large text is encoded beside the run "
            "directory. Give one in a folder where all workers may write, with "
            "run_directory=..."
        ) from None
    with ExitStack() as stack:
        try:
            locked = stack.enter_context(exclusive_lock(directory, wait=False))
        except BlockingIOError:
            print(f"{directory}: waiting for another run, which encodes this text.")
            locked = stack.enter_context(exclusive_lock(directory))
        if locked:  # no other process writes here: these are of killed ones
            for path in directory.glob(".*.*"):
                path.unlink()
        yield


def _show(steps, count, word):
    """Runs through the steps of a worker's parts, and shows how many are done."""
    bar = Progress(count, "part", f"{word} ")
    for _ in steps:
        bar.add()
    bar.close()


def _added_counts(directory):
    """Returns the `TokenCounts` of all buckets."""
    pairs = {}
    with damage_in(directory):
        for bucket in range(BUCKETS):
            pairs |= json.loads(
                bucket_path(directory, bucket).read_text(encoding="utf-8")
            )
    counts = TokenCounts(len(pairs) + 1)
    counts.add((token.encode(), count) for token, count in pairs.items())
    return counts


def _write_done(directory, config, own):
    """Writes the number of token ids of each part, which marks the corpus as whole."""
    with damage_in(directory):
        tokens = {p.name: len(open_ids(directory / f"{p.name}.npy")) for p in own}
        vocabulary = _checksum(directory / VOCABULARY)
    settings = {name: getattr(config, name) for name in ("file", *SETTINGS)}
    done = {"settings": settings, "vocabulary": vocabulary, "tokens": tokens}
    write_json(directory / DONE, done)
    total = sum(tokens.values())
    print(f"{directory}: {total:,} token ids, {4 * total / 1e6:,.0f} MB.")


def _checksum(path):
    return zlib.crc32(path.read_bytes())
