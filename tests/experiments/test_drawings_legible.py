"""The drawings of docs/lstm.md can be read, in light and dark and on a phone."""

import numpy as np
import pytest

from experiments.drawings import svg
from experiments.drawings.figures import drawings, svg_files
from tests.serving.web_browser import needs_browser

MIN_CONTRAST = 4.5  # of text, by WCAG 2.2, level AA
# CSS pixels: a phone's 390 less the margins of a page, and the height of the font.
PHONE, MIN_FONT = 358, 10
# Returns the texts that are too small, cut off, on another text, or crossed by a line.
FAULTS = """minFont => {
  const root = document.querySelector("svg"), frame = root.getBoundingClientRect();
  const scale = frame.width / root.viewBox.baseVal.width;
  const texts = [...root.querySelectorAll("text")].map((text) => {
    const box = text.getBoundingClientRect(), slack = 0.25 * box.height;
    return {
      words: text.textContent, size: scale * text.getAttribute("font-size"),
      left: box.left, right: box.right,
      top: box.top + slack, bottom: box.bottom - slack,
    };
  });
  const points = [...root.querySelectorAll(".wire")].flatMap((wire) => {
    const matrix = wire.getScreenCTM(), length = wire.getTotalLength();
    return [...Array(Math.ceil(length / 4) + 1).keys()].map((n) =>
      wire.getPointAtLength(Math.min(4 * n, length)).matrixTransform(matrix));
  });
  const apart = (a, b) =>
    a.right < b.left || b.right < a.left || a.bottom < b.top || b.bottom < a.top;
  const faults = [];
  for (const [n, a] of texts.entries()) {
    if (a.size < minFont) faults.push(`too small: ${a.words}`);
    if (a.left < frame.left || a.right > frame.right || a.top < frame.top
      || a.bottom > frame.bottom) faults.push(`cut off: ${a.words}`);
    for (const b of texts.slice(n + 1))
      if (!apart(a, b)) faults.push(`overlap: ${a.words} and ${b.words}`);
    if (points.some(({ x, y }) => !apart(a, { left: x, right: x, top: y, bottom: y })))
      faults.push(`crossed by a line: ${a.words}`);
  }
  return { count: texts.length, faults };
}"""


@needs_browser
@pytest.mark.parametrize("name", drawings())
def test_a_drawing_can_be_read_on_a_phone(name, browser):
    found = faults(browser, svg_files()[f"{name}.svg"])
    assert found["faults"] == []
    assert found["count"] > 10


@needs_browser
def test_texts_that_cannot_be_read_are_found(browser):
    drawn = [
        svg.text(620, 30, "cut off, on the right"),
        svg.text(100, 100, "small", size=15),
        svg.text(300, 200, "one"),
        svg.text(310, 204, "other"),
        svg.text(300, 300, "crossed"),
        svg.wire([(200, 300), (400, 300)]),
    ]
    assert faults(browser, svg.document("a", "A", "A drawing.", (640, 400), drawn)) == {
        "count": 5,
        "faults": [
            "cut off: cut off, on the right",
            "too small: small",
            "overlap: one and other",
            "crossed by a line: crossed",
        ],
    }


def faults(browser, content):
    """Returns the number of texts of an SVG file on a phone, and their faults."""
    context = browser.new_context(viewport={"width": PHONE, "height": 800})
    page = context.new_page()
    page.set_content(f'<body style="margin: 0">{content}')
    found = page.evaluate(FAULTS, MIN_FONT)
    context.close()
    return found


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast_in_light_and_dark(scheme):
    grounds = ("paper", "band")
    for role in set(svg.COLOURS) - set(grounds):
        for ground in grounds:
            one, other = (svg.COLOURS[name][scheme] for name in (role, ground))
            assert _contrast(one, other) >= MIN_CONTRAST, (role, ground)


def _contrast(*colours):
    """Returns the contrast ratio of two colours, as WCAG 2.2 defines it."""
    luminances = []
    for colour in colours:
        srgb = np.array([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])
        linear = np.where(
            srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4
        )
        luminances.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def test_the_contrast_is_that_of_the_definition():
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert _contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)
