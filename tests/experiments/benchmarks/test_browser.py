"""The measurement of the page without a server: its table and its record."""

import json

from experiments.benchmarks import browser
from experiments.tables import BEGIN, END

ROWS = [
    {"part": "page", "bytes": 280507, "gzip_bytes": 150582},
    {"part": "onnxruntime", "bytes": 14314024, "gzip_bytes": 3694011},
    {
        **{"part": "my-reviews", "bytes": 21807532, "gzip_bytes": 19666968},
        **{"app": "sentiment", "load_ms": 1336, "first_ms": 43.3, "later_ms": 2.6},
    },
]


def test_the_table_has_the_sizes_and_the_times():
    *_, page, runtime, model = browser.table(ROWS).splitlines()
    assert page.startswith("| page | 280,507 | 150,582 |")
    assert runtime.startswith("| ONNX Runtime 1.30.0 | 14,314,024 | 3,694,011 |")
    assert model == (
        "| my-reviews | 21,807,532 | 19,666,968 | 1,336 ms | 43.3 ms | 2.6 ms | "
        "a text of 20 words |"
    )


def test_the_text_has_as_many_words_as_the_table_says():
    assert len(browser.TEXT.split()) == 20
    assert browser.STORY.count(".") == 6


def test_a_record_names_its_circumstances_and_fills_the_page(
    tmp_path, monkeypatch, capsys
):
    page, result = tmp_path / "browser.md", tmp_path / "browser.json"
    begin = BEGIN.format(browser.NAME)
    page.write_text(f"{begin}\n{END.format(browser.NAME)}\n")
    monkeypatch.setattr(browser, "PAGE", page)
    monkeypatch.setattr(browser, "RESULT", result)
    monkeypatch.setattr(browser, "run", lambda places: (ROWS, "150.0"))
    browser.main(["--record"])
    recorded = json.loads(result.read_text())
    assert recorded["rows"] == ROWS
    assert recorded["versions"] == {"chromium": "150.0", "onnxruntime-web": "1.30.0"}
    assert "my-reviews" in page.read_text()
    assert "| my-reviews |" in capsys.readouterr().out
