"""Tables of the misses of wake words by the number of recordings."""

import json
from datetime import date

from apps.common.portable.files import write_json
from experiments.machine import hardware, versions
from experiments.tables import RESULTS, WAKE_WORDS_PAGE, markdown_table, update_tables

NAME, PAGE = "wake_words", WAKE_WORDS_PAGE
RESULT = RESULTS / f"{NAME}.json"
COMMAND = f"python -m experiments.research.{NAME}"
KINDS = {
    "words": "Wake words by many speakers, who may be in both parts:",
    "digits": "Digits of Free Spoken Digit, learnt from one speaker:",
}


def table(points, wanted="0.5"):
    """Returns the misses as a Markdown table: a row for each word and group.

    Args:
        points: Dictionaries: kind, word, count, and the result of `measure`.
        wanted: False alarms an hour.
    """
    numbers = sorted({point["count"] for point in points})
    rows = {}
    for point in points:
        at = point["misses_at"][wanted]
        groups = at["missed"] if at else {"any": None}
        for group, cell in groups.items():
            name = f"{point['word']}, {group}"
            sums = rows.setdefault(name, {}).setdefault(point["count"], [0, 0])
            if cell:
                sums[0], sums[1] = sums[0] + cell[0], sums[1] + cell[1]
    return markdown_table(
        ("word, speakers", *(f"{number} recordings" for number in numbers)),
        [
            (name, *(_share(cells.get(n)) for n in numbers))
            for name, cells in rows.items()
        ],
    )


def others_table(points, wanted="0.5"):
    """Returns detections per 1,000 other real words as a Markdown table."""
    numbers = sorted({point["count"] for point in points})
    rows = {}
    for point in points:
        if at := point["misses_at"][wanted]:
            sums = rows.setdefault(point["word"], {}).setdefault(point["count"], [0, 0])
            for place in range(2):
                sums[place] += at["other_words"][place]
    return markdown_table(
        ("word", *(f"{number} recordings" for number in numbers)),
        [
            (word, *(_per_thousand(cells.get(n)) for n in numbers))
            for word, cells in rows.items()
        ],
    )


def _share(cell):
    if not cell or not cell[1]:
        return ""
    return f"{cell[0] / cell[1]:.0%} ({cell[0]} of {cell[1]})"


def _per_thousand(cell):
    return f"{1000 * cell[0] / cell[1]:.0f}" if cell else ""


def recorded_table():
    """Returns the Markdown of the recorded points: misses, then other words."""
    recorded = json.loads(RESULT.read_text(encoding="utf-8"))
    parts = []
    for kind, title in KINDS.items():
        points = [point for point in recorded["points"] if point["kind"] == kind]
        if points:
            hours = {point["hours"] for point in points}
            minutes = [point["train_minutes"] for point in points]
            parts.append(
                f"{title}\n\n{table(points)}\n\nDetections in 1,000 other real words "
                f"at the same threshold:\n\n{others_table(points)}\n\nOne seed; "
                f"{max(hours):.0f} hours of sound without the words; "
                f"{min(minutes):.1f} to {max(minutes):.1f} minutes of training."
            )
    parts.append(f"Measured on {recorded['hardware']}, {recorded['date']}.")
    return "\n\n".join(parts)


def record(points):
    """Adds points to those recorded, and renews the table."""
    before = json.loads(RESULT.read_text())["points"] if RESULT.exists() else []
    by_name = {(p["kind"], p["case"], p["count"]): p for p in [*before, *points]}
    recorded = {
        "command": f"{COMMAND} --record",
        "hardware": hardware(),
        "versions": versions(),
        "date": date.today().isoformat(),
        "points": list(by_name.values()),
    }
    write_json(RESULT, recorded, indent=1)
    update_tables(PAGE, {NAME: recorded_table()})
