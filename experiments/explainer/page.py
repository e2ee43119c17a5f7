"""Makes the explainer's HTML from the page of the cell, its style, scripts and data."""

import json
from pathlib import Path

import jinja2

from experiments.drawings.live_unit import live_unit
from experiments.explainer.bundle import bundle
from experiments.tables import ROOT

SERVED = ROOT / "serving" / "web"  # the served page, in whose tab the same code runs
WEB = SERVED / "cell"
TEMPLATE = Path(__file__).with_name("page.html")


def page(models, sentences, watched, simple=None):
    """Returns the HTML page.

    Args:
        models: Data of each model by the name of its app, as `cell_data` of the app's
            `export.py` returns it.
        sentences: Example sentences for each model, the first of them shown at first.
        watched: A next word whose probability the page shows.
        simple: Data of the simple recurrent network that the language model is compared
            with; None leaves the comparison out.
    """
    data = json.dumps(
        {
            "models": models,
            "sentences": sentences,
            "watched": watched,
            "simple": simple,
            "unit": live_unit(),
        }
    )
    template = jinja2.Environment(autoescape=True).from_string(_read(TEMPLATE))
    return template.render(
        style=_read(SERVED / "style.css") + _read(WEB / "cell.css"),
        content=_read(WEB / "cell.html"),
        data=data.replace("<", "\\u003c"),  # no "</script>" in a token ends the data
        script=bundle(WEB / "main.js", ["start"]),
    )


def _read(path):
    return path.read_text(encoding="utf-8")
