"""Files of invented words whose frequencies follow Zipf's law."""

import csv
import json

import numpy as np

WORDS = 2_000_000  # distinct words: more than the vocabulary counts at a time
SYLLABLES = [c + v for c in "bdfghklmnprstv" for v in "aeiou"]
DRAWN = 2**20  # words drawn at a time
LONGEST = {"language_modeling": 60, "sentiment": 240, "summarization": 240}  # words


def word(rank):
    """Returns an invented word; a word of low rank is frequent and short.

    >>> word(0), word(69), word(70), word(1_999_999)
    ('ba', 'vu', 'baba', 'busifaku')
    """
    parts, rank = [], rank + 1
    while rank:
        rank, place = divmod(rank - 1, len(SYLLABLES))
        parts.append(SYLLABLES[place])
    return "".join(reversed(parts))


def texts(seed, longest, words=WORDS):
    """Yields texts of 10 to `longest` words, without end.

    The probability of a word is about one over its rank (Zipf's law).

    Args:
        seed: Seed of the texts.
        longest: Words of the longest text.
        words: Number of distinct words.
    """
    rng = np.random.default_rng(seed)
    known = np.array([word(rank) for rank in range(words)], dtype=object)
    while True:
        ranks = np.exp(rng.random(DRAWN) * np.log(words + 1)).astype("int64") - 1
        drawn = known[np.minimum(ranks, words - 1)].tolist()
        start, lengths = 0, rng.integers(10, longest + 1, DRAWN // 10).tolist()
        for length in lengths:
            if start + length > DRAWN:
                break
            yield " ".join(drawn[start : start + length]) + "."
            start += length


def write(path, task, megabytes, seed=0, words=WORDS):
    """Writes a file in the format that a task reads.

    Args:
        path: Path of the file.
        task: Name of the app.
        megabytes: Size of the file, in million bytes.
        seed: Seed of the texts.
        words: Number of distinct words.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        if task == "sentiment":
            rows.writerow(["text", "label"])
        for number, text in enumerate(texts(seed, LONGEST[task], words)):
            if number % 100 == 0 and file.tell() >= 1e6 * megabytes:
                return
            if task == "sentiment":
                rows.writerow([text, ("good", "bad")[number % 2]])
            elif task == "summarization":
                summary = " ".join(text.split()[: 3 + number % 8])
                file.write(json.dumps({"document": text, "summary": summary}) + "\n")
            else:
                file.write(text + "\n")
