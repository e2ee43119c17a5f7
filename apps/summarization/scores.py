"""What a summary is measured by, and what it has to be better than."""

import re

import numpy as np
from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
from rouge_score.rouge_scorer import RougeScorer

ABBREVIATIONS = (
    *("dr", "mr", "mrs", "ms", "prof", "st", "jr", "sr", "gen", "col", "capt", "rev"),
    *("c", "ca", "no", "vs", "vol", "fl", "approx", "inc", "ltd", "co", "corp"),
    *("e.g", "i.e", "u.s", "u.k", "u.n", "d.c", "a.m", "p.m", "b.c", "a.d"),
)
ROUGE = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}


def rouge(references, summaries):
    """Returns the mean F of ROUGE-1, 2 and L, as Google's `rouge-score` has them.

    Words are stemmed (Porter). Lin 2004, "ROUGE: a package for automatic evaluation of
    summaries".

    Args:
        references: What people wrote.
        summaries: What is to be measured.
    """
    scorer = RougeScorer(list(ROUGE.values()), use_stemmer=True)
    rows = [
        scorer.score(reference, summary)
        for reference, summary in zip(references, summaries, strict=True)
    ]
    return {
        name: float(np.mean([row[theirs].fmeasure for row in rows]))
        for name, theirs in ROUGE.items()
    }


def lead(document, count):
    """Returns the first sentences of a document; a line's end ends a sentence too."""
    parameters = PunktParameters()
    parameters.abbrev_types = set(ABBREVIATIONS)
    splitter, sentences = PunktSentenceTokenizer(parameters), []
    for line in document.split("\n"):
        sentences += splitter.tokenize(line.strip())
        if len(sentences) >= count:
            break
    return " ".join(sentences[:count])


def is_a(document):
    """Returns what follows "is a" and the like in the first sentence, to a comma."""
    first = lead(document, 1)
    found = re.search(r"\b(?:is|was|are|were) (?:an?|the) ([^,.;]+)", first)
    return found.group(1) if found else first


BASELINES = {
    "lead_1": lambda document: lead(document, 1),
    "lead_3": lambda document: lead(document, 3),
    "is_a": is_a,
}


def novel_fraction(documents, summaries, n):
    """Returns the share of the summaries' runs of n words that are not in documents.

    Args:
        documents: Lists of words.
        summaries: Lists of words.
        n: Length of a run.
    """
    novel = total = 0
    for document, summary in zip(documents, summaries, strict=True):
        known, runs = set(_runs(document, n)), _runs(summary, n)
        novel += sum(run not in known for run in runs)
        total += len(runs)
    return novel / max(total, 1)


def _runs(words, n):
    return [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
