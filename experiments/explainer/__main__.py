"""Writes one HTML file in which the trained cell computes in front of the reader.

It holds the default language model and the default sentiment model of `make run`. The
file loads nothing from elsewhere: open it in any browser, or send it to someone.
"""

import argparse
from pathlib import Path

from apps.common.finished import is_finished
from apps.common.portable.terminal import report_errors
from experiments import language_modeling, sentiment
from experiments.task import RUNS, run_directory

OUTPUT = RUNS / "explainer.html"
TASKS = (language_modeling.TASK, sentiment.TASK)


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.explainer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=OUTPUT,
        metavar="FILE",
        help=f"HTML file to write (default: {OUTPUT})",
    )
    for task in TASKS:
        parser.add_argument(
            f"--{task.name.replace('_', '-')}",
            type=Path,
            metavar="RUN",
            help=f"run directory (default: that of the recipe {task.default_recipe})",
        )
    options = vars(parser.parse_args(arguments))
    output = options.pop("output")
    with report_errors():
        directories = {
            task.name: finished_run_of(task, options[task.name]) for task in TASKS
        }
        from experiments.explainer.write import write_explainer

        size, costs = write_explainer(output, directories)
        print(f"{output}: {size / 1e6:.1f} MB. Open it in a browser.")
        for name, cost in costs.items():
            print(
                f"  {name}: int8 word vectors change h by at most {cost['h']:.4f}, "
                f"C by {cost['c']:.4f}, a probability by {cost['probability']:.4f}."
            )


def finished_run_of(task, directory):
    """Returns a run directory, by default that of the task's default recipe.

    Raises:
        ValueError: If the run is missing or its training has not ended.
    """
    recipe, option = task.default_recipe, f"--{task.name.replace('_', '-')}"
    directory = directory or run_directory(task, recipe, task.config(recipe, []))
    if not is_finished(directory):
        raise ValueError(
            f"{directory}: there is no finished run. Make the default one with "
            f"`python -m experiments.{task.name}`, or name another with {option}."
        )
    return directory


if __name__ == "__main__":
    main()
