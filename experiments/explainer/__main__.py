"""Writes one HTML file in which the trained cell computes in front of the reader.

It holds the default language model and the default sentiment model of `make run`. If a
simple recurrent network is trained, the page compares the language model with it. The
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
SIMPLE = "wikipedia_simple"  # recipe of the network to compare with
VALUES = {"h": "h", "c": "C", "probability": "a probability"}


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
    parser.add_argument(
        "--simple",
        type=Path,
        metavar="RUN",
        help="run directory of the simple recurrent network to compare with (default: "
        f"that of the recipe {SIMPLE}, if it is trained)",
    )
    options = vars(parser.parse_args(arguments))
    output = options.pop("output")
    with report_errors():
        directories = {
            task.name: finished_run_of(task, options[task.name]) for task in TASKS
        }
        directories["simple"] = simple_run(options["simple"])
        from experiments.explainer.write import write_explainer

        size, costs = write_explainer(output, directories)
        print(f"{output}: {size / 1e6:.1f} MB. Open it in a browser.")
        for name, cost in costs.items():
            changes = ", ".join(
                f"{title} by at most {cost[value]:.4f}"
                for value, title in VALUES.items()
                if value in cost
            )
            print(f"  {name}: int8 word vectors change {changes}.")


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


def simple_run(directory):
    """Returns the run directory of the simple recurrent network, or None without one.

    The default run may be missing: a line says how to make it.

    Args:
        directory: The user's own run directory, or None.

    Raises:
        ValueError: If the user's own run is missing or its training has not ended.
    """
    task = language_modeling.TASK
    default = run_directory(task, SIMPLE, task.config(SIMPLE, []))
    if is_finished(directory or default):
        return directory or default
    how = f"Make the default one with `python -m experiments.{task.name} {SIMPLE}`"
    if directory:
        raise ValueError(
            f"{directory}: there is no finished run. {how}, or name another with "
            "--simple."
        )
    print(f"The page has no comparison: {default} is no finished run. {how}.")
    return None


if __name__ == "__main__":
    main()
