"""Markdown tables of the recorded results, and the pages that show them.

A module that records a result has the same names: `NAME` of its table, `PAGE` that
shows the table, `RESULT`, the recorded file, and `recorded_table()`.
`python -m experiments.results` rebuilds the tables of all these modules.
"""

from pathlib import Path

from apps.common.portable.files import atomic_write

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "experiments" / "results"
README = ROOT / "README.md"
RESULTS_PAGE = ROOT / "docs" / "results.md"
SENTIMENT_PAGE = ROOT / "docs" / "sentiment.md"
SERVING_PAGE = ROOT / "docs" / "serving.md"
BROWSER_PAGE = ROOT / "docs" / "browser.md"
DATA_PAGE = ROOT / "docs" / "data.md"
LSTM_PAGE = ROOT / "docs" / "lstm.md"
DEVICES_PAGE = ROOT / "docs" / "devices.md"
SCALE_PAGE = ROOT / "docs" / "scale.md"
SPEED_PAGE = ROOT / "docs" / "speed.md"
TUNE_PAGE = ROOT / "docs" / "tune.md"
WAKE_WORDS_PAGE = ROOT / "docs" / "wake_words.md"
BEGIN, END = "<!-- {}: made by `make results` -->", "<!-- end of {} -->"


def markdown_table(header, rows):
    """Returns a Markdown table.

    Args:
        header: Names of the columns.
        rows: Sequences of cells, as many as there are columns.

    >>> print(markdown_table(("app", "seeds"), [("sentiment", 3)]))
    | app | seeds |
    |---|---|
    | sentiment | 3 |
    """
    header_line, *lines = (
        f"| {' | '.join(map(str, row))} |" for row in (header, *rows)
    )
    return "\n".join([header_line, f"|{'---|' * len(header)}", *lines])


def update_tables(path, tables):
    """Replaces the tables between their markers in a Markdown file.

    Args:
        path: The file.
        tables: Tables, by the names in their markers.
    """
    text = path.read_text(encoding="utf-8")
    for name, table in tables.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, rest = text.split(begin, 1)
        _, after = rest.split(end, 1)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
