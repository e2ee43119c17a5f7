"""Predicts the rows of a file in a stream, and writes them beside their own columns."""

import functools
import sys
from pathlib import Path

from apps.common.config import load_run_config
from apps.common.portable.files import atomic_write
from apps.common.portable.progress import Progress
from apps.common.portable.run_files import CONFIG
from experiments.writers import SEPARATORS, as_json, row_writer

WINDOW_ROWS, WINDOW_CHARACTERS = 4096, 2**22  # in memory at a time
ROWS_AT_ONCE = 256  # between two steps of the progress bar
REPORTED = 20  # faults, each in a line on standard error
ERROR = "error"


def predict_file(predictor, path, output=None, overrides=()):
    """Predicts each row of a file; prints the answers, or writes them to a file.

    A row with a fault stays in the output, with its columns and its fault.

    Args:
        predictor: A `Predictor`.
        path: Path of a file that `predictor.rows` reads.
        output: Path of the new file, or None to print lines of JSON.
        overrides: Strings `section.key=value`; those of `data` name columns.

    Returns:
        The number of rows with a fault.

    Raises:
        ValueError: If the file as a whole is wrong, or the output exists.
    """
    rows = rows_of(predictor, path, overrides)
    report = Report(path)
    if output is None:
        for row, answer, fault in _predicted(predictor, rows(), report):
            print(as_json(_printed(row, answer, fault)))
        report.close()
    else:
        _write(predictor, rows, report, Path(output))
        report.close(output)
        print(f"{output}: {report.rows:,} rows")
    return report.faults


def rows_of(predictor, path, overrides=()):
    """Returns a function that reads a file of inputs from its beginning.

    Args:
        predictor: A `Predictor`.
        path: Path of the file.
        overrides: Strings `section.key=value`; those of `data` replace settings of the
            run that say how the file is read.
    """
    data, own = predictor.config.data, [o for o in overrides if o.startswith("data.")]
    if own:
        path_of_config = predictor.directory / CONFIG
        data = load_run_config(type(predictor.config), path_of_config, own).data
    return functools.partial(predictor.rows, path, data)


class Report:
    """Counts rows and prints the first faults on standard error.

    Args:
        path: Path of the file that is read.

    Attributes:
        rows: Number of rows.
        faults: Number of rows with a fault.
    """

    def __init__(self, path):
        self.path, self.rows, self.faults = path, 0, 0

    def add(self, fault):
        """Counts a row; prints its fault, if it has one and is among the first."""
        self.rows += 1
        self.faults += bool(fault)
        if fault and self.faults <= REPORTED:
            print(fault, file=sys.stderr)

    def close(self, output=None):
        """Prints how many rows had a fault.

        Args:
            output: Path of the file that has all faults, or None.

        Raises:
            ValueError: If there was no row.
        """
        if not self.rows:
            raise ValueError(f"{self.path}: no rows. Give at least one.")
        if self.faults:
            counts = f"{self.faults:,} of {self.rows:,} rows had a fault"
            where = f"; see the column {ERROR!r} of {output}" if output else ""
            print(f"{self.path}: {counts}{where}", file=sys.stderr)


def _predicted(predictor, rows, report, bar=None):
    """Yields `(row, answer, fault)` in the order of the rows.

    The answer is the dictionary of `predict`, or None beside a fault.

    Args:
        predictor: A `Predictor`.
        rows: An iterable of `Row`.
        report: A `Report`, which counts the rows.
        bar: A progress bar, or None.
    """
    for window in _windows(rows):
        results = [row.fault for row in window]
        good = [n for n, row in enumerate(window) if not row.fault]
        if len(good) > ROWS_AT_ONCE:  # `predict` sorts no more than these itself
            good.sort(key=lambda n: _length(window[n].input))
        for start in range(0, len(good), ROWS_AT_ONCE):
            part = good[start : start + ROWS_AT_ONCE]
            answers = _answers(predictor.predict, [window[n] for n in part])
            for n, answer in zip(part, answers, strict=True):
                results[n] = answer
            if bar:
                bar.add(len(part))
        if bar:
            bar.add(len(window) - len(good))
        for row, result in zip(window, results, strict=True):
            fault = result if isinstance(result, str) else ""
            report.add(fault)
            yield row, None if fault else result, fault


def _windows(rows):
    """Yields lists of rows, at most `WINDOW_ROWS` and about `WINDOW_CHARACTERS`."""
    window, size = [], 0
    for row in rows:
        window.append(row)
        size += _length(row.input)
        if len(window) == WINDOW_ROWS or size >= WINDOW_CHARACTERS:
            yield window
            window, size = [], 0
    if window:
        yield window


def _length(value):
    return sum(map(len, value)) if isinstance(value, tuple) else len(value or "")


def _answers(predict, rows):
    """Returns the answer of each row, or a fault, a string, in place of it.

    If an input is refused, each half is tried alone, down to the row that is to blame.
    """
    try:
        return predict([row.input for row in rows])
    except ValueError as error:
        if len(rows) == 1:
            return [": ".join(filter(None, (rows[0].place, str(error))))]
    middle = len(rows) // 2
    return _answers(predict, rows[:middle]) + _answers(predict, rows[middle:])


def _printed(row, answer, fault):
    """Returns what is printed for a row: the answer, and the row's other columns."""
    if fault:
        return {"columns": row.columns, ERROR: fault}
    others = {k: v for k, v in row.columns.items() if k not in row.input_columns}
    return {**answer, "columns": others} if others else answer


def _write(predictor, rows, report, output):
    """Writes the rows with their answers to a new file, atomically.

    Args:
        predictor: A `Predictor`.
        rows: A function that returns the rows from the first one on.
        report: A `Report`.
        output: Path of the file.
    """
    check_files(report.path, output)
    columns, count = _columns(rows())
    if not count:
        return
    added = [*_output_columns(predictor, rows(), output), ERROR]
    if taken := [name for name in added if name in columns]:
        raise ValueError(
            f"{report.path}: has a column {taken[0]!r} already, which --output adds. "
            "Rename it, or remove it."
        )
    blank = dict.fromkeys(added)
    with (
        atomic_write(output) as temporary,
        open(temporary, "w", encoding="utf-8", errors="replace", newline="") as file,
    ):
        write = row_writer(file, output.suffix.lower(), [*columns, *added])
        bar = Progress(count, "row")
        for row, answer, fault in _predicted(predictor, rows(), report, bar):
            outputs = _outputs(predictor, answer) if answer else {}
            write({**row.columns, **blank, **outputs, ERROR: fault})
        bar.close()
        _refuse_existing(output)


def check_files(path, output=None):
    """Raises ValueError if a file cannot be read, or its output not be written.

    Args:
        path: Path of the file of inputs.
        output: Path of the new file, or None to print the answers.
    """
    if not str(path) or not Path(path).exists():
        raise ValueError(f"--file: there is no file {str(path)!r}.")
    if output is None:
        return
    if output.suffix.lower() not in SEPARATORS:
        raise ValueError(
            f"--output: expected a name that ends in {', '.join(SEPARATORS)}. "
            f"Received: {output}."
        )
    if not output.parent.is_dir():
        raise ValueError(
            f"--output: there is no folder {output.parent}. Make it first."
        )
    _refuse_existing(output)
    if not (Path(path).is_file() or Path(path).is_dir()):
        raise ValueError(
            f"{path}: --output reads the file more than once. Give a file on disk."
        )


def _refuse_existing(output):
    if output.exists():
        raise ValueError(
            f"--output: {output} exists already. Give another name, or remove it."
        )


def _columns(rows):
    """Returns the names of all columns of the rows, and the number of rows."""
    columns, count = {}, 0
    for row in rows:
        columns.update(dict.fromkeys(row.columns))
        count += 1
    return columns, count


def _output_columns(predictor, rows, output):
    """Returns the columns that the first row with an answer gets.

    Raises:
        ValueError: If no row has an answer.
    """
    first = ""
    for row in rows:
        (answer,) = [row.fault] if row.fault else _answers(predictor.predict, [row])
        if not isinstance(answer, str):
            outputs = _outputs(predictor, answer)
            lists = output.suffix.lower() == ".jsonl"
            return [n for n, v in outputs.items() if lists or not isinstance(v, list)]
        first = first or answer
    raise ValueError(f"{first} No other row can be predicted either.")


def _outputs(predictor, answer):
    """Returns an answer as columns; probabilities have one for each label."""
    outputs = {}
    for name, value in answer.items():
        if isinstance(value, dict):
            outputs |= {f"probability_{label}": p for label, p in value.items()}
        elif name not in predictor.inputs:
            outputs[f"predicted_{name}"] = value
    return outputs
