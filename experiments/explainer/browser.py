"""Opens the explainer in Chromium: measures it, and takes its pictures for the docs.

    python -m experiments.explainer.browser                 # size and milliseconds
    python -m experiments.explainer.browser --pictures      # and docs/explainer/*.png

A headless Chromium in PATH (from requirements-dev.txt: playwright) opens the file.
"""

import argparse
import io
import shutil
from pathlib import Path
from statistics import median

from apps.common.portable.files import atomic_write
from apps.common.portable.terminal import report_errors
from experiments.explainer.__main__ import OUTPUT
from experiments.tables import ROOT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PICTURES = ROOT / "docs" / "explainer"
LOADS, READINGS = 5, 20  # of which the medians are taken
DRAWN = "performance.getEntriesByName('first drawing')[0].startTime"
READ = """performance.getEntriesByName('reading').map(
    ({ duration, detail }) => [detail.app, duration / detail.words])"""
COLOURS = 128  # of a picture
# Picture -> width of the window, colour scheme, what is pressed before, what is shown.
SHOTS = {
    "sentence": (1280, "light", (), "body"),
    "touch": (
        1280,
        "light",
        ("#tokens button:nth-child(5)", "#touch .row button:nth-child(2)"),
        "main > div:nth-of-type(1)",
    ),
    "unit": (
        1280,
        "dark",
        ("#levels button:nth-child(3)",),
        "main > div:nth-of-type(2)",
    ),
    "phone": (390, "light", (), "main > div:nth-of-type(2)"),
    "gates_light": (1280, "light", (), "main > div:nth-of-type(2)"),  # README
    "gates_dark": (1280, "dark", (), "main > div:nth-of-type(2)"),
}


def measure(browser, address):
    """Returns what a visitor waits for.

    Args:
        browser: Playwright's Chromium.
        address: Address of the file.

    Returns:
        The median milliseconds to the first drawing, and by model the median
        milliseconds to read one word: cell, states and a share of the answer.
    """
    drawn, words = [], {}
    for _ in range(LOADS):
        page = browser.new_page()
        page.goto(address)
        drawn.append(page.evaluate(DRAWN))
        page.close()
    page = browser.new_page()
    page.goto(address)
    for option in page.locator("#app option").all():
        page.locator("#app").select_option(option.get_attribute("value"))
        text = page.locator("#text").input_value()
        for n in range(READINGS):
            page.locator("#text").fill(text + "." * (n % 2))
            page.wait_for_timeout(200)  # the page waits until the typing pauses
    for app, milliseconds in page.evaluate(READ):
        words.setdefault(app, []).append(milliseconds)
    page.close()
    return median(drawn), {app: median(each) for app, each in words.items()}


def take_pictures(browser, address):
    """Writes the pictures of `SHOTS` into `PICTURES`."""
    from PIL import Image

    PICTURES.mkdir(exist_ok=True)
    for name, (width, scheme, pressed, shown) in SHOTS.items():
        page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        page.goto(address)
        for each in pressed:
            page.locator(each).click()
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.wait_for_timeout(500)  # lines change their width
        content = page.locator(shown).screenshot()
        picture = Image.open(io.BytesIO(content)).convert("RGB")
        page.close()
        with atomic_write(PICTURES / f"{name}.png") as temporary:
            picture.quantize(COLOURS).save(temporary, "PNG", optimize=True)


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.explainer.browser",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file", nargs="?", type=Path, default=OUTPUT, help=f"(default: {OUTPUT})"
    )
    parser.add_argument(
        "--pictures", action="store_true", help="write docs/explainer/*.png"
    )
    options = parser.parse_args(arguments)
    with report_errors():
        path = next(filter(None, map(shutil.which, BROWSERS)), None)
        if path is None:
            raise ValueError(
                f"PATH: expected one of {', '.join(BROWSERS)}. Install one."
            )
        if not options.file.exists():
            raise ValueError(
                f"{options.file}: there is no such file. `python -m "
                "experiments.explainer` writes it."
            )
        from playwright.sync_api import sync_playwright

        address = options.file.resolve().as_uri()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=path, args=["--no-sandbox"]
            )
            drawn, words = measure(browser, address)
            print(f"{options.file}: {options.file.stat().st_size / 1e6:.1f} MB")
            print(f"first drawing: {drawn:.0f} ms")
            for app, milliseconds in words.items():
                print(f"{app}: {milliseconds:.2f} ms a word")
            if options.pictures:
                take_pictures(browser, address)
            browser.close()


if __name__ == "__main__":
    main()
