"""Tables in Markdown pages: they change between their markers, and nowhere else."""

import pytest

from experiments import record
from experiments.benchmarks import layer, load
from experiments.results.__main__ import main, recording_modules
from experiments.tables import BEGIN, END, markdown_table, update_tables


def test_a_table_has_a_line_for_its_header_and_for_each_row():
    lines = markdown_table(("a", "b"), [("x", 1), ("", 2)]).splitlines()
    assert lines == ["| a | b |", "|---|---|", "| x | 1 |", "|  | 2 |"]


def test_the_readme_changes_between_its_markers_only(tmp_path):
    readme = tmp_path / "README.md"
    before, after = "# Töpfe\n\n", "\n\nThe rest.\n"
    contents = {
        module.NAME: module.recorded_table() for module in (record, layer, load)
    }

    def marked(contents):
        return "\n\n".join(
            f"{BEGIN.format(name)}\n{table}\n{END.format(name)}"
            for name, table in contents.items()
        )

    old = marked(dict.fromkeys(contents, "an old table"))
    readme.write_text(before + old + after, encoding="utf-8")
    for _ in range(2):  # a second time changes nothing more
        update_tables(readme, contents)
        new = marked(contents)
        assert readme.read_text(encoding="utf-8") == before + new + after


def test_every_page_has_the_markers_of_its_tables_once():
    for module in recording_modules():
        text = module.PAGE.read_text(encoding="utf-8")
        begin, end = BEGIN.format(module.NAME), END.format(module.NAME)
        assert text.count(begin) == text.count(end) == 1, module.NAME
        assert text.index(begin) < text.index(end)


def test_every_page_has_the_table_that_was_recorded():
    recorded = [module for module in recording_modules() if module.RESULT.exists()]
    assert len(recorded) > 5
    for module in recorded:
        name = module.NAME
        table = f"{BEGIN.format(name)}\n{module.recorded_table()}\n{END.format(name)}"
        assert table in module.PAGE.read_text(encoding="utf-8"), name


def test_the_help_of_the_results_rebuilds_nothing(monkeypatch, capsys):
    monkeypatch.setattr("experiments.results.__main__.update_tables", None)
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "Rebuilds the tables" in capsys.readouterr().out
