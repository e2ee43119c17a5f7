"""Reads the rows of a user's file as inputs of a model, each with all its columns."""

from dataclasses import dataclass, field

from apps.common.data.faulty import RowError
from apps.common.data.tables import is_table, text_rows
from apps.common.data.values import fault_of
from apps.common.portable.files import open_text


@dataclass(frozen=True)
class Row:
    """A row of a file of inputs.

    Attributes:
        place: "file:line", with which messages about the row begin; may be empty.
        columns: All columns of the row; of a row with a fault those that could be read.
        input_columns: Names of the columns that are the model's inputs.
        input: What `Predictor.predict` takes: a text, or a tuple of several.
        fault: Why the row has no input, with file and line; empty if it has one.
    """

    place: str
    columns: dict = field(default_factory=dict)
    input_columns: tuple = ()
    input: object = None
    fault: str = ""


def file_rows(path, inputs, data):
    """Yields a `Row` for each row of a file, a table or a text a line by its suffix.

    Args:
        path: Path of the file.
        inputs: For each input of the model, its name and the setting of the section
            `data` that names its column; "" if the column has the input's name.
        data: A `DataConfig`.

    Raises:
        ValueError: If the file as a whole is wrong.
    """
    settings = {"encoding": getattr(data, "encoding", None)}
    settings["separator"] = getattr(data, "separator", None)
    if not is_table(path):
        return _lines(path, next(iter(inputs)), settings["encoding"])
    columns = tuple(getattr(data, s) if s else name for name, s in inputs.items())
    named = " and ".join(
        f"data.{setting}=..." for setting in inputs.values() if setting
    )
    advice = f"Set {named}" if named else "Rename one"
    return _table_rows(path, columns, advice, settings)


def _lines(path, name, encoding):
    """Yields the lines of a text, of which a blank one is a fault.

    A line ends with a line feed, a carriage return, or both.
    """
    with open_text(path, encoding) as file:
        for line, text in enumerate(file, 1):
            columns = {name: text.removesuffix("\n")}
            yield input_row(f"{path}:{line}", columns, (name,))


def input_row(place, columns, names):
    """Returns the `Row` of columns, some of which are the model's inputs.

    Args:
        place: "file:line".
        columns: A dictionary.
        names: Names of the columns that are inputs.
    """
    if fault := fault_of(columns, names):
        return Row(place, columns, names, fault=f"{place}: {fault}")
    texts = tuple(columns[name] for name in names)
    return Row(place, columns, names, texts if len(texts) > 1 else texts[0])


def _table_rows(path, names, advice, settings):
    """Yields the rows of a table.

    Args:
        path: Path of the table.
        names: Names of the columns that need a text.
        advice: What to do if there is no such column.
        settings: Encoding and separator, as for `records`.
    """
    for line, row in text_rows(path, names, advice, **settings, all_columns=True):
        place = f"{path}:{line}"
        if isinstance(row, RowError):
            yield Row(place, row.record, names, fault=str(row))
            continue
        record, texts = row
        yield Row(place, record, names, texts if len(texts) > 1 else texts[0])
