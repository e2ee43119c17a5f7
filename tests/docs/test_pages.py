"""README and docs: sizes, links, anchors, and what the helpers of these tests read."""

import pytest

from experiments.tables import README, ROOT
from tests.docs.pages import NAMES, PAGES, anchors, blocks, commands_of, links


def test_the_readme_is_at_most_nine_kilobytes_and_two_hundred_lines():
    assert README.stat().st_size <= 9_000
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_leads_to_a_file_and_every_anchor_to_a_heading(name):
    page = ROOT / name
    broken = []
    for target in links(page.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        known = anchors(path.read_text(encoding="utf-8")) if anchor else {""}
        if not path.exists() or anchor not in known:
            broken.append(target)
    assert not broken


def test_the_index_lists_every_page():
    index = ROOT / "docs" / "README.md"
    listed = set(links(index.read_text(encoding="utf-8")))
    pages = {path.name for path in PAGES if path.parent == index.parent} - {index.name}
    assert pages <= listed


def test_every_line_of_a_shell_block_is_a_command_and_of_others_those_that_are_ours():
    page = """Say `make
help` and `make it so`, or ls.

    python -m a.b --x 'c d' \\
        e   # why
    not a command

```sh
X=1 ls && python -m c
```
```python
python -m d
```
"""
    words = [command.words for command in commands_of("page", page)]
    assert words == [
        *(("python", "-m", "a.b", "--x", "c d", "e"), ("ls",), ("python", "-m", "c")),
        *(("make", "help"), ("make", "it", "so")),
    ]
    assert [language for language, _ in blocks(page)] == ["indented", "sh", "python"]


def test_an_anchor_is_the_heading_in_small_letters_with_hyphens():
    text = "# What `evaluate` shows\n\n```sh\n# no heading\n```\n## A, b: c-d\n"
    assert anchors(text) == {"what-evaluate-shows", "a-b-c-d"}
    assert links("[a](b.md#c) <http://d> [e](https://f) ![g](h.png)") == [
        *("b.md#c", "h.png")
    ]
