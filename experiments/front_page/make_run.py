"""The README's sentence on `make run`: what it downloads, and how long it takes."""

import datetime
import json

from apps.common.data.packages import PACKAGES
from apps.common.portable.files import write_json
from experiments.machine import hardware
from experiments.tables import README, RESULTS, update_tables

NAME, PAGE = "make_run", README
DATA = ("movie_snippets", "wikipedia", "glove_6b_50d", "espeak_ng_linux_x86_64")
RESULT, ENGINES = RESULTS / f"{NAME}.json", RESULTS / "engines.json"


def recorded_table():
    """Returns the sentences, from the recorded time and sizes."""
    recorded = json.loads(RESULT.read_text(encoding="utf-8"))
    server = json.loads(ENGINES.read_text(encoding="utf-8"))["server"]
    gigabytes = server["tensorflow"]["installed_megabytes"] / 1000
    return (
        f"`make run` downloads packages ({gigabytes:.1f} GB installed) and data "
        f"({sum(PACKAGES[name].megabytes for name in DATA):.0f} MB).\n"
        f"On {recorded['hardware']} it took {recorded['minutes']:.1f} minutes, "
        "with packages and data at hand."
    )


def record(minutes):
    """Writes how many minutes the five apps took, and the README's sentences."""
    result = {
        "command": "python -m experiments --record",
        "minutes": round(minutes, 2),
        "hardware": hardware(),
        "date": datetime.date.today().isoformat(),
    }
    write_json(RESULT, result, indent=1)
    update_tables(PAGE, {NAME: recorded_table()})
