"""Draws what a language model of the Penn Treebank reaches in how many minutes.

    python -m experiments.language_modeling ptb_15 data.directory=PTB
    python -m experiments.language_modeling ptb_15 record
    ... the same for ptb_60 and ptb
    python -m experiments.research.perplexity_by_minute

The three recipes are recorded first. The published figures beside them are those of
`experiments/published.yaml`; their authors do not say how long they trained.
"""

import argparse
import json
import re

from apps.common.portable.terminal import report_errors
from experiments.published import published_figures
from experiments.tables import LANGUAGE_PAGE, RESULTS, markdown_table

NAME, PAGE = "perplexity_by_minute", LANGUAGE_PAGE
TASK, RECIPES = "language_modeling", ("ptb_15", "ptb_60", "ptb")
RESULT = RESULTS / TASK / f"{RECIPES[0]}.json"
PICTURE = RESULTS / f"{NAME}.png"
LINES = {"perplexity": "static", "dynamic_perplexity": "with dynamic evaluation"}
_PUBLISHED = re.compile(r"(?P<perplexity>[\d.]+), (?P<millions>[\d.]+) million")


def published():
    """Returns perplexity and description of each published model, best last."""
    figures = []
    for recipe in ("ptb_small", "ptb"):
        for text in published_figures(TASK, recipe):
            found = _PUBLISHED.search(text)
            source = re.search(r"\((.+)\)", text)[1]
            figures.append(
                (float(found["perplexity"]), f"{found['millions']} million, {source}")
            )
    return sorted(figures, reverse=True)


def recorded():
    """Returns the recorded results of the recipes, by increasing minutes."""
    paths = [RESULTS / TASK / f"{recipe}.json" for recipe in RECIPES]
    return [
        json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()
    ]


def recorded_table():
    """Returns the Markdown table of the recorded recipes."""
    return markdown_table(
        ("recipe", "minutes", "parameters", *LINES.values(), "with a cache"),
        [
            (
                f"`{result['recipe']}`",
                f"{result['train_minutes']:.0f}",
                f"{result['parameters']:,}",
                *(
                    f"{result['metrics'][metric]:.1f}"
                    for metric in (*LINES, "cache_perplexity")
                ),
            )
            for result in recorded()
        ],
    )


def plot(results, path):
    """Plots test perplexity against minutes, and a line for each published model.

    Args:
        results: What `recorded` returns.
        path: Path of the picture.
    """
    import matplotlib.pyplot as plt

    from apps.common.metrics.plots import save_figure

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    minutes = [result["train_minutes"] for result in results]
    for metric, label in LINES.items():
        values = [result["metrics"][metric] for result in results]
        axes.plot(minutes, values, "o-", label=f"ours, {label}")
    for perplexity, description in published():
        axes.axhline(perplexity, color="gray", lw=0.8, ls="--")
        axes.annotate(
            f"{perplexity:g}: {description}",
            (1, perplexity),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=7,
            color="gray",
        )
    axes.set(
        xscale="log",
        xlabel=f"minutes of training on {results[0]['hardware']}",
        ylabel="test perplexity, Penn Treebank",
    )
    axes.set_xticks(minutes, [f"{value:.0f}" for value in minutes])
    axes.minorticks_off()
    axes.legend(loc="lower left")
    save_figure(figure, path)


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.research.{NAME}",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    with report_errors():
        results = recorded()
        if not results:
            raise ValueError(
                f"{RESULT}: the file is missing. Train and record "
                f"{', '.join(RECIPES)} first."
            )
        print(recorded_table())
        plot(results, PICTURE)
        print(f"Drawn: {PICTURE}")


if __name__ == "__main__":
    main()
