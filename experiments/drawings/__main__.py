"""Writes the drawings of docs/lstm.md, and that of the page of the cell, as SVG."""

import argparse

from apps.common.portable.files import atomic_write
from apps.common.portable.terminal import report_errors
from experiments.tables import ROOT

DIRECTORY = ROOT / "docs" / "drawings"
LIVE_UNIT = ROOT / "serving" / "web" / "cell" / "unit.svg"


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.drawings", description=__doc__
    )
    parser.parse_args(arguments)
    with report_errors():
        from experiments.drawings.figures import svg_files
        from experiments.drawings.live_unit import live_unit

        files = {DIRECTORY / name: content for name, content in svg_files().items()}
        for path, content in {**files, LIVE_UNIT: live_unit()}.items():
            with atomic_write(path) as temporary:
                temporary.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
