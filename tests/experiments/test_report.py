"""The page about the default runs: its metrics, and no file from elsewhere."""

import json
import re

import pytest

from experiments import report
from experiments.report import ANSWERS, write_report
from experiments.tasks import TASKS


@pytest.fixture
def one_run(finished_run, monkeypatch, tmp_path):
    """The default run of sentiment is the finished one; other apps have none."""

    def default_run(task):
        return finished_run if task.name == "sentiment" else tmp_path / task.name

    monkeypatch.setattr(report, "_default_run", default_run)
    return finished_run


def test_the_page_has_the_figures_of_the_run(one_run, tmp_path):
    page = write_report(TASKS.values(), tmp_path / "report.html").read_text()
    metrics = json.loads((one_run / "metrics.json").read_text())
    assert f"accuracy {metrics['accuracy']:.3f}" in page
    assert f"{metrics['parameters']:,}" in page
    low, high = metrics["intervals"]["accuracy"]
    assert f"(95 %: {low:.4f} to {high:.4f})" in page
    assert f"({metrics['baseline']['name']})" in page
    assert page.count("<h2") == 1


def test_the_page_needs_nothing_else(one_run, tmp_path):
    page = write_report(TASKS.values(), tmp_path / "report.html").read_text()
    sources = re.findall(r'src="([^"]{5})', page)
    assert sources
    assert set(sources) == {"data:"}
    assert "http" not in page


def test_what_people_wrote_is_no_html(one_run, tmp_path):
    answers = one_run / ANSWERS
    answers.write_text(json.dumps([{"question": "<b>&", "answer": "<script>"}]))
    page = write_report(TASKS.values(), tmp_path / "report.html").read_text()
    answers.unlink()
    assert "&lt;b&gt;&amp;" in page
    assert "<script>" not in page


def test_without_a_run_there_is_no_page(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "_default_run", lambda task: tmp_path)
    with pytest.raises(ValueError, match=r"No default run is measured yet"):
        write_report(TASKS.values(), tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []
