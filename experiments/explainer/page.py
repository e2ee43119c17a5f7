"""Makes the explainer's HTML from its template, style, scripts and data."""

import json
from pathlib import Path

import jinja2

from experiments.explainer.bundle import bundle
from experiments.explainer.unit import live_unit
from experiments.tables import ROOT

WEB = Path(__file__).parent / "web"
STYLE = ROOT / "serving" / "web" / "style.css"  # of the served page


def page(models, sentences, watched, simple=None):
    """Returns the HTML page.

    Args:
        models: Data of each model by the name of its app, as `models.py` returns it.
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
        }
    )
    template = jinja2.Environment(autoescape=True).from_string(_read("index.html"))
    return template.render(
        style=STYLE.read_text(encoding="utf-8") + _read("explainer.css"),
        unit=live_unit(),
        data=data.replace("<", "\\u003c"),  # no "</script>" in a token ends the data
        script=bundle(WEB / "main.js"),
    )


def _read(name):
    return (WEB / name).read_text(encoding="utf-8")
