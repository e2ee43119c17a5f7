"""The README's table of the five apps: our best figure beside a published one."""

import json
from dataclasses import dataclass

from experiments.published import published_figures
from experiments.tables import README, RESULTS, markdown_table

NAME, PAGE = "apps", README
RESULT = RESULTS  # a directory: <task>/<recipe>.json
COLUMNS = ("task", "ours", "published", "minutes", "command")


@dataclass(frozen=True)
class Row:
    """An app's best recorded recipe that has published figures.

    Attributes:
        task: Name of the app.
        recipe: Name of the recipe.
        data: What it is tested on.
        measures: Names of the metrics that are shown.
        label: Name of the metrics in the table.
        unit: " %" for percentages, else "".
        setting: Setting that the command needs, or "".
        first: Task and recipe that have to be trained before, or None.
        with_size: Whether published models differ in size, so that ours is given.
    """

    task: str
    recipe: str
    data: str
    measures: tuple
    label: str
    unit: str = ""
    setting: str = ""
    first: tuple | None = None
    with_size: bool = False

    def command(self):
        """Returns the shell command of the recipe."""
        words = f"python -m experiments.{self.task} {self.recipe} {self.setting}"
        return words.strip()


ROWS = (
    Row(
        task="language_modeling",
        recipe="ptb",
        data="Penn Treebank",
        measures=("perplexity",),
        label="perplexity",
        setting="data.directory=PTB",
        with_size=True,
    ),
    Row(
        task="sentiment",
        recipe="imdb_pretrained",
        data="IMDb reviews",
        measures=("accuracy",),
        label="accuracy",
        unit=" %",
        first=("language_modeling", "imdb"),
    ),
    Row(
        task="speech_commands",
        recipe="spoken_digit",
        data="Free Spoken Digit, known speakers",
        measures=("accuracy",),
        label="accuracy",
        unit=" %",
    ),
    Row(
        task="summarization",
        recipe="aeslc",
        data="subjects of e-mails (AESLC)",
        measures=("rouge_1", "rouge_2", "rouge_l"),
        label="ROUGE-1 / 2 / L",
        unit=" %",
    ),
    Row(
        task="question_answering",
        recipe="babi_10k",
        data="bAbI, 10,000 a task, 19 of the 20 tasks",
        measures=("error",),
        label="error",
        unit=" %",
        setting="data.directory=BABI",
    ),
)


def recorded_table():
    """Returns the Markdown table, a row an app, and what it was measured on."""
    results = [_result(row.task, row.recipe) for row in ROWS]
    table = markdown_table(COLUMNS, map(_cells, ROWS, results))
    machines = sorted({result["hardware"] for result in results})
    return f"{table}\n\nMinutes of training on {' or '.join(machines)}."


def _cells(row, result):
    published = published_figures(row.task, row.recipe)
    minutes = f"{result['train_minutes']:.0f}"
    command = f"`{row.command()}`"
    if row.first:
        task, recipe = row.first
        minutes = f"{_result(task, recipe)['train_minutes']:.0f} + {minutes}"
        command = f"`python -m experiments.{task} {recipe} train`, then {command}"
    millions = result["parameters"] / 1e6
    size = f", {millions:.1f} million parameters" if row.with_size else ""
    values = " / ".join(_value(row, result, name) for name in row.measures)
    stronger = f"; stronger: {published[-1]}" if len(published) > 1 else ""
    return (
        f"[{row.task.replace('_', ' ')}](docs/{row.task}.md): {row.data}",
        f"{row.label} {values}{row.unit}{size}",
        f"{published[0]}{stronger}",
        minutes,
        command,
    )


def _value(row, result, name):
    """Returns a metric with one decimal, without its unit."""
    value = result["metrics"][name]
    mean = value["mean"] if isinstance(value, dict) else value
    return f"{100 * mean if row.unit else mean:.1f}"


def _result(task, recipe):
    path = RESULT / task / f"{recipe}.json"
    return json.loads(path.read_text(encoding="utf-8"))
