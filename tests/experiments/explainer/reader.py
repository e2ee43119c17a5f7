"""Finds what a reader sees and presses on the explainer."""


def value_of(page, wire):
    """Returns the value that the drawing shows on a wire."""
    text = page.locator(f"#value-{wire} text").text_content()
    return float(text.replace("\N{MINUS SIGN}", "-"))


def word_button(page, name):
    """Returns the button of a word."""
    return page.get_by_role("toolbar").get_by_role("button", name=name, exact=True)


def level_button(page, name):
    """Returns the button of a level of the zoom."""
    return page.get_by_role("navigation", name="Zoom").get_by_role("button", name=name)


def current_word(page):
    """Returns the word that the page shows."""
    return page.locator("#tokens [aria-current=step]")
