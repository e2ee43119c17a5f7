"""Reads README, CONTRIBUTING and docs: blocks of code, commands, links and anchors."""

import re
import shlex
from dataclasses import dataclass

from experiments.tables import ROOT

PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "THIRD_PARTY.md")),
    *sorted(ROOT.glob("docs/*.md")),
)
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
SHELL = ("sh", "bash", "console")
PLAIN = ("", "indented")  # may hold commands or anything else
PROGRAMS = {"python", "make"}  # the rest stands in `ELSEWHERE` of test_commands.py
SEPARATORS = {"&&", ";", "|", "||"}


@dataclass(frozen=True)
class Command:
    """A command of a page.

    Attributes:
        page: Path of the page below the repository's root.
        words: Its words without those of the shell; the first is the program.
        inline: Whether it stands in a sentence, not in a block.
    """

    page: str
    words: tuple
    inline: bool = False

    @property
    def program(self):
        """Returns the first word without the folder of a virtual environment."""
        return self.words[0].removeprefix(".venv/bin/")

    @property
    def module(self):
        """Returns the module that Python runs, or None."""
        is_module = self.program == "python" and self.words[1:2] == ("-m",)
        return self.words[2] if is_module else None

    def __str__(self):
        return f"{self.page}: {shlex.join(self.words)}"


def blocks(text):
    """Yields the blocks of code of a page: their language and their lines, as one text.

    The language is that of the fence, or "indented". A block that is indented begins
    after an empty line.
    """
    language, lines, before = None, [], ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("```"):
            if language is not None:
                yield language, "\n".join(lines)
            closes = language not in (None, "indented")
            language, lines = (None if closes else line[3:].strip()), []
        elif language not in (None, "indented"):
            lines.append(line)
        elif line.startswith("    ") and (language or not before.strip()):
            language, lines = "indented", [*(lines if language else []), line[4:]]
        elif language and line.strip():
            yield language, "\n".join(lines)
            language = None
        before = line
    if language:
        yield language, "\n".join(lines)


def commands():
    """Returns the commands of all pages, those in sentences included."""
    return [
        command
        for name, path in zip(NAMES, PAGES, strict=True)
        for command in commands_of(name, path.read_text(encoding="utf-8"))
    ]


def commands_of(page, text):
    """Returns the commands of a page.

    Every line of a block with a shell's language is a command. Of another block, and of
    code in sentences, those count that begin with a program of `is_command`.
    """
    found = []
    for language, code in blocks(text):
        if language in SHELL or language in PLAIN:
            for line in code.replace("\\\n", " ").splitlines():
                if language in SHELL or is_command(line):
                    found += [Command(page, words) for words in split(line)]
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", outside):
        code = " ".join(code.split())
        if is_command(code):
            found += [Command(page, words, inline=True) for words in split(code)]
    return found


def is_command(line):
    """Returns whether a line begins with a command that these pages use."""
    programs = r"(\.venv/bin/)?(python -m|make|pip install|git clone|scp|curl|docker)"
    return re.match(rf"{programs} \S", line) is not None


def split(line):
    """Yields the words of each command of a line, without comments and variables."""
    words = []
    for word in [*shlex.split(line, comments=True), "&&"]:
        if word in SEPARATORS:
            if words:
                yield tuple(words)
            words = []
        elif words or not re.match(r"\w+=", word):
            words.append(word)


def anchors(text):
    """Returns the anchors of a page's headings, as GitHub makes them."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", outside, flags=re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in headings
    }


def links(text):
    """Returns the targets of links and pictures, without those of other hosts."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s]+)\)", outside)
    targets += re.findall(r'(?:src|srcset|href)="([^"]+)"', outside)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]
