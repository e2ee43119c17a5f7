"""The page about the default runs: answers, figures, and no file from elsewhere."""

import csv
import json
import re
import shutil

import pytest

from experiments import report
from experiments.asking import ANSWERS, answer_row
from experiments.report import write_report
from experiments.tasks import TASKS
from tests.serving.web_browser import needs_browser

GATES = "<!doctype html><title>Gates</title><p id='value'></p>" + (
    "<script>onpointermove = () => { value.textContent = 'touched'; }</script>"
)


@pytest.fixture
def one_run(finished_run, monkeypatch, tmp_path):
    """The default run of sentiment is a copy of the finished one; others have none."""
    run = shutil.copytree(finished_run, tmp_path / "run", symlinks=True)
    (run / "explain").mkdir(exist_ok=True)
    (run / "explain" / "1.html").write_text(GATES)
    rows = [
        answer_row("A film?", "positive, 90%", expected="negative", right=False),
        answer_row("Good!", "positive, 99%", expected="positive", right=True),
        answer_row("Bad!", "negative, 99%"),
        answer_row("What is it?", "a film", context="There was a film", sound="UklG"),
    ]
    (run / ANSWERS).write_text(json.dumps(rows))

    def default_run(task):
        return run if task.name == "sentiment" else tmp_path / task.name

    monkeypatch.setattr(report, "_default_run", default_run)
    return run


@pytest.fixture
def page(one_run, tmp_path):
    return write_report(TASKS.values(), tmp_path / "report.html").read_text()


def test_the_page_has_the_figures_of_the_run(one_run, page):
    metrics = json.loads((one_run / "metrics.json").read_text())
    count = metrics["examples"]
    assert f">{round(metrics['accuracy'] * count)} of {count} right</p>" in page
    assert f"{metrics['parameters']:,} parameters" in page
    low, high = metrics["intervals"]["accuracy"]
    assert f"(95 %: {low:.4f} to {high:.4f})" in page
    assert metrics["baseline"]["name"] in page
    assert page.count("<article") == 2  # the run's, and one of all


def test_a_wrong_answer_is_marked_and_the_right_one_beside_it(page):
    shown = " ".join(page.split())
    assert (
        '<li class="wrong"> <blockquote>A film?</blockquote> <b>positive, 90%</b> '
        '<div class="soft">right: negative</div></li>'
    ) in shown
    assert (
        '<li class="right"> <blockquote>Good!</blockquote> <b>positive, 99%</b></li>'
    ) in shown
    assert shown.count("not of the test split</div></li>") == 2
    assert "There was a film." in page
    assert 'src="data:audio/wav;base64,UklG"' in page
    assert "1 more</summary>" in page  # after three answers


def test_the_curves_have_a_point_for_each_epoch(one_run, page):
    with open(one_run / "history.csv") as file:
        epochs = len(list(csv.DictReader(file)))
    assert epochs > 1
    charts = re.findall(r"<polyline points=\"([^\"]+)\"", page)
    assert [len(points.split()) for points in charts] == [epochs] * 4


def test_a_run_of_one_epoch_has_a_sentence_for_a_curve(one_run, tmp_path):
    lines = (one_run / "history.csv").read_text().splitlines(keepends=True)
    (one_run / "history.csv").write_text("".join(lines[:2]))
    page = write_report(TASKS.values(), tmp_path / "report.html").read_text()
    assert "It was trained for one epoch, which is no curve." in page
    assert "<polyline" not in page


def test_the_page_needs_nothing_else(page):
    sources = re.findall(r'src="([^"]{5})', page)
    assert sources
    assert set(sources) == {"data:"}
    assert "http" not in page


def test_what_people_wrote_is_no_html(one_run, tmp_path):
    rows = [answer_row("<b>&", "<script>")]
    (one_run / ANSWERS).write_text(json.dumps(rows))
    page = write_report(TASKS.values(), tmp_path / "report.html").read_text()
    assert "&lt;b&gt;&amp;" in page
    assert "<script>" not in page


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_nothing_overflows_and_gates_and_buttons_respond(
    browser, page, tmp_path, width
):
    window = browser.new_page(viewport={"width": width, "height": 900})
    window.goto((tmp_path / "report.html").as_uri())
    assert window.evaluate("document.documentElement.scrollWidth") <= width
    frame = window.locator("iframe")
    frame.scroll_into_view_if_needed()
    frame.hover()
    inside = window.frame_locator("iframe").locator("#value")
    inside.get_by_text("touched").wait_for()
    button = window.locator(".command button").first
    button.click()
    window.get_by_text(re.compile("^(Copied|Selected)$")).wait_for()
    window.close()


def test_without_a_run_there_is_no_page(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "_default_run", lambda task: tmp_path)
    with pytest.raises(ValueError, match=r"No default run is measured yet"):
        write_report(TASKS.values(), tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []
