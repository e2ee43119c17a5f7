"""Scores summaries by ROUGE and novelty, and computes extractive baselines."""

import functools
import re
import unicodedata

import numpy as np
from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import DefaultTokenizer

from apps.common.portable.scripts import STOPS, spaced
from apps.common.portable.unicode import normalized

ABBREVIATIONS = (
    *("dr", "mr", "mrs", "ms", "prof", "st", "jr", "sr", "gen", "col", "capt", "rev"),
    *("c", "ca", "no", "vs", "vol", "fl", "approx", "inc", "ltd", "co", "corp"),
    *("e.g", "i.e", "u.s", "u.k", "u.n", "d.c", "a.m", "p.m", "b.c", "a.d"),
)
AS_BLANKS = (
    *("LATIN", "COMBINING", "MODIFIER LETTER"),
    *("SUBSCRIPT", "SUPERSCRIPT", "CIRCLED"),
)
ROUGE = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}


class EveryScript(DefaultTokenizer):
    """Splits texts as `rouge-score` does, and keeps the words of other scripts too.

    The library keeps ASCII letters and digits alone. They give the same tokens here, so
    that scores of English texts compare with published ones; Latin letters with accents
    separate words, as there. A script without blanks has a token per character. Texts
    that Unicode calls equal have equal tokens.
    """

    def __init__(self):
        super().__init__(use_stemmer=True)

    def tokenize(self, text):
        """Returns the tokens of a text, a list of strings."""
        tokens = []
        text = "".join(map(_compatible, text.lower()))
        text = spaced(unicodedata.normalize("NFC", text))
        for run in re.findall(r"[a-z0-9]+|[^\x00-\x7f]+", text):
            if run.isascii():
                tokens += super().tokenize(run)
            else:
                tokens += "".join(map(_letter, run)).split()
        return tokens


def _is_latin(character):
    name = unicodedata.name(character, "")
    return character < "\u0250" or name.startswith(AS_BLANKS)


@functools.cache
def _compatible(character):
    """Returns the normal form of a character that is not Latin."""
    return character if _is_latin(character) else normalized(character)


@functools.cache
def _letter(character):
    """Returns a character of a word that is not Latin; else a blank."""
    is_letter = unicodedata.category(character)[0] in "LMN"
    return character if is_letter and not _is_latin(character) else " "


def rouge(references, summaries):
    """Returns the mean F1 of ROUGE-1, 2 and L; see `rouge_scores`."""
    scores = rouge_scores(references, summaries)
    return {name: float(np.mean(column)) for name, column in scores.items()}


def rouge_scores(references, summaries):
    """Returns F1 of ROUGE-1, 2 and L of each summary, by Google's `rouge-score`.

    English words are stemmed (Porter). Source: Lin 2004, "ROUGE: a package for
    automatic evaluation of summaries".

    Args:
        references: Reference summaries, strings.
        summaries: The summaries to measure, strings in the same order.

    Returns:
        A list with a score for each summary, by the metric's name.
    """
    scorer = RougeScorer(list(ROUGE.values()), tokenizer=EveryScript())
    rows = [
        scorer.score(reference, summary)
        for reference, summary in zip(references, summaries, strict=True)
    ]
    return {
        name: [row[metric].fmeasure for row in rows] for name, metric in ROUGE.items()
    }


def lead(document, count):
    """Returns the first `count` sentences of a document.

    A line break ends a sentence, and so does a full stop of Chinese or Japanese.
    """
    parameters = PunktParameters()
    parameters.abbrev_types = set(ABBREVIATIONS)
    splitter, sentences = PunktSentenceTokenizer(parameters), []
    for line in re.split(f"\n|(?<=[{STOPS[3:]}])", document):
        sentences += splitter.tokenize(line.strip())
        if len(sentences) >= count:
            break
    return " ".join(sentences[:count])


def is_a(document):
    """Returns the phrase after "is a" or the like in the first sentence.

    The phrase ends at a comma, semicolon or full stop. Without one the whole sentence
    is returned.
    """
    first = lead(document, 1)
    match = re.search(r"\b(?:is|was|are|were) (?:an?|the) ([^,.;]+)", first)
    return match.group(1) if match else first


BASELINES = {
    "lead_1": lambda document: lead(document, 1),
    "lead_3": lambda document: lead(document, 3),
    "is_a": is_a,
}
BASELINE_NAMES = {
    "lead_1": "first sentence",
    "lead_3": "first three sentences",
    "is_a": 'phrase after "is a"',
}


def strongest(baselines):
    """Returns the name and the scores of the baseline with the highest ROUGE-1.

    Args:
        baselines: Scores by the keys of `BASELINES`.
    """
    key = max(baselines, key=lambda key: baselines[key]["rouge_1"])
    return {"name": BASELINE_NAMES[key], **baselines[key]}


def novel_fraction(documents, summaries, n):
    """Returns the fraction of the summaries' n-grams that are not in their documents.

    Args:
        documents: Words of each document, lists.
        summaries: Words of each summary, lists.
        n: Number of words of an n-gram.
    """
    novel = total = 0
    for document, summary in zip(documents, summaries, strict=True):
        known, ngrams = set(_ngrams(document, n)), _ngrams(summary, n)
        novel += sum(ngram not in known for ngram in ngrams)
        total += len(ngrams)
    return novel / max(total, 1)


def _ngrams(words, n):
    return [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
