"""The explainer is measured in the browser, and its pictures are taken."""

import re

import pytest
from PIL import Image

from experiments.explainer import browser as measuring
from experiments.explainer.browser import main, measure, take_pictures
from experiments.tables import LSTM_PAGE, README
from tests.experiments.explainer.tiny import tiny_page
from tests.serving.web_browser import needs_browser


@pytest.fixture
def address(tmp_path):
    path = tmp_path / "explainer.html"
    path.write_text(tiny_page(), encoding="utf-8")
    return path.as_uri()


@needs_browser
def test_drawing_and_reading_are_measured_for_each_model(browser, address, monkeypatch):
    monkeypatch.setattr(measuring, "LOADS", 1)
    monkeypatch.setattr(measuring, "READINGS", 2)
    drawn, words = measure(browser, address)
    assert drawn > 1
    assert sorted(words) == ["language_modeling", "sentiment"]
    assert all(0 < milliseconds < 1000 for milliseconds in words.values())


@pytest.mark.slow
@needs_browser
def test_pictures_are_taken_in_light_and_dark(browser, address, monkeypatch, tmp_path):
    monkeypatch.setattr(measuring, "PICTURES", tmp_path / "pictures")
    take_pictures(browser, address)
    found = {}
    for path in sorted((tmp_path / "pictures").iterdir()):
        with Image.open(path) as picture:
            corner = picture.convert("L").getpixel((0, picture.height - 1))
            found[path.name] = (picture.width <= 390, corner < 60)
    assert found == {
        "gates_dark.png": (False, True),
        "gates_light.png": (False, False),
        "phone.png": (True, False),
        "sentence.png": (False, False),
        "touch.png": (False, False),
        "unit.png": (False, True),
    }


def test_the_docs_show_each_picture():
    pages = [page.read_text(encoding="utf-8") for page in (LSTM_PAGE, README)]
    shown = re.findall(
        r'(?:src|srcset)="(?:docs/)?explainer/(\w+)\.png"', "".join(pages)
    )
    assert sorted(shown) == sorted(measuring.SHOTS)
    assert sorted(path.stem for path in measuring.PICTURES.iterdir()) == sorted(shown)


def test_a_missing_file_is_named_with_the_command_that_writes_it(capsys, monkeypatch):
    monkeypatch.setattr(measuring.shutil, "which", lambda name: "/bin/chromium")
    with pytest.raises(SystemExit):
        main(["nowhere.html"])
    assert capsys.readouterr().err == (
        "Error: nowhere.html: there is no such file. `python -m experiments.explainer` "
        "writes it.\n"
    )
