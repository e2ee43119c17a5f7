"""Compares the answers of ONNX Runtime with those of the SavedModel on test splits.

    python -m experiments.benchmarks.agreement                 # the runs in runs/
    python -m experiments.benchmarks.agreement RUN ...         # other run directories

Both engines answer the whole test split of each exported run, in the same batches.

A difference of probabilities is absolute. A difference of logits is that of the
log-probabilities, `|a - b| / max(1, |a|)`: logits are known up to a constant only. An
answer changes if the label, the answer's text or the summary differs, or the greedy
continuation, of `TOKENS` tokens, of the first `PROMPT_WORDS` words of a text. The score
of an answer is compared where the answer is the same.

The margin of a changed answer is the difference of the scores of the two answers: of
their probabilities, of a summary of its two log-probabilities, and of a continuation
of the probabilities of the two likeliest tokens where it parts, as the SavedModel has.
A margin near the difference of probabilities is a tie that rounding decides.
"""

import json
from pathlib import Path
from typing import NamedTuple

from apps.common.portable.terminal import report_errors
from apps.common.portable.versions import GRAPH, ONNX
from experiments.benchmarks.engine_answers import CASES
from experiments.benchmarks.recorded import circumstances, parser_of, record
from experiments.tables import RESULTS, SERVING_PAGE, markdown_table
from serving.exports import RUNS, find_exports
from serving.models import ENGINES

NAME, PAGE = "agreement", SERVING_PAGE
RESULT = RESULTS / f"{NAME}.json"
REFERENCE, OTHER = "tensorflow", "onnx"
PACKAGES = ("tensorflow", "onnxruntime", "numpy")
COLUMNS = (
    *("app", "compared", "test examples", "largest difference of probabilities"),
    *("of logits, relative", "answers that change", "largest margin"),
)


class Exported(NamedTuple):
    """A run that both engines can serve."""

    app: str
    run: Path
    version: Path


def add_runs(parser):
    """Adds the runs to the command line of a benchmark of the engines."""
    parser.add_argument(
        "runs",
        nargs="*",
        default=[RUNS],
        metavar="RUN",
        help="run directories, or directories with runs at any depth (default: runs)",
    )


def exported_runs(places):
    """Returns the `Exported` of each app, in order of their names.

    Args:
        places: Run directories, or directories with runs at any depth.

    Raises:
        ValueError: If there is none, if a run lacks one of the two exports, or if there
            are several runs of an app.
    """
    runs = {}
    for _, [export, *_] in sorted(find_exports(places).items()):
        version = export.versions[0]
        for graph in (GRAPH, ONNX):
            if not (version / graph).exists():
                raise ValueError(
                    f"{version / graph}: the file is missing. Export its run again "
                    f"(python -m experiments.{export.app} RECIPE export)."
                )
        run = Exported(export.app, Path(export.directory), version)
        if runs.setdefault(run.app, run) is not run:
            raise ValueError(
                f"{runs[run.app].run} and {run.run} are runs of the same app. Name one."
            )
    if not runs:
        listed = ", ".join(map(str, places))
        raise ValueError(
            f"{listed}: there is no exported model. `make run` makes them."
        )
    return list(runs.values())


def measure(exported, limit=None):
    """Compares the engines' answers on the test split of a run.

    Args:
        exported: An `Exported`.
        limit: Maximum number of test examples, the first ones; None takes all.

    Returns:
        `{name of the comparison: figures}`, as `Comparison.figures` returns them.
    """
    from experiments.tasks import TASKS

    predictor = TASKS[exported.app].predictor(exported.run)
    engines = [
        ENGINES[name](exported.app, exported.version) for name in (REFERENCE, OTHER)
    ]
    figures = {}
    for case in CASES[exported.app]:
        compute = [engine.signature(case.signature) for engine in engines]
        comparison = case.comparison()
        for arrays in case.batches(predictor, limit):
            comparison.add(predictor, arrays, *(run(arrays) for run in compute))
        figures[case.name] = comparison.figures()
    return figures


def table(result):
    """Returns the Markdown table of a result."""
    rows = [
        (
            app,
            name,
            f"{row['examples']:,}",
            _number(row["probability"]),
            _number(row["logits"]),
            f"{len(row['changed'])} of {row['answers']:,}" if row["answers"] else "",
            _number(max((one["margin"] for one in row["changed"]), default=None)),
        )
        for app, rows in result["apps"].items()
        for name, row in rows.items()
    ]
    note = f"Measured on {result['hardware']}, {result['date']}."
    return f"{markdown_table(COLUMNS, rows)}\n\n{note}"


def recorded_table(path=RESULT):
    """Returns the Markdown table of the recorded agreement."""
    return table(json.loads(path.read_text()))


def _number(value):
    return "" if value is None else f"{value:.1e}"


def main(arguments=None):
    """Runs the command line."""
    parser = parser_of(NAME, __doc__, PAGE)
    add_runs(parser)
    parser.add_argument(
        "--examples", type=int, metavar="N", help="first N test examples (default: all)"
    )
    options = parser.parse_args(arguments)
    with report_errors():
        result = {"apps": {}}
        for exported in exported_runs(options.runs):
            figures = measure(exported, options.examples)
            result["apps"][exported.app] = figures
            print(json.dumps({exported.app: figures}, ensure_ascii=False), flush=True)
        result |= circumstances(NAME, packages=PACKAGES)
        if options.record:
            record(RESULT, PAGE, result, recorded_table)
        print(f"\n{table(result)}")


if __name__ == "__main__":
    main()
