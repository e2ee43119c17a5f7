"""Writes the drawings of docs/lstm.md as SVG files into docs/drawings."""

import argparse

from apps.common.portable.files import atomic_write
from apps.common.portable.terminal import report_errors
from experiments.tables import ROOT

DIRECTORY = ROOT / "docs" / "drawings"


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.drawings", description=__doc__
    )
    parser.parse_args(arguments)
    with report_errors():
        from experiments.drawings.figures import svg_files

        for name, content in svg_files().items():
            with atomic_write(DIRECTORY / name) as temporary:
                temporary.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
