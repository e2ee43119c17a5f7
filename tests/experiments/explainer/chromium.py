"""Runs modules of the explainer in the browser."""

import json

from experiments.explainer.bundle import bundle
from experiments.explainer.page import WEB


def evaluate(browser, names, script, argument):
    """Calls a JavaScript function with names of modules and an argument.

    Args:
        browser: The browser of the test file.
        names: Names to import, by the file of the explainer's web/ that exports them.
        script: The function's text.
        argument: A value that JSON can hold.

    Returns:
        What the function returns, typed arrays as lists.
    """
    page = browser.new_page()
    modules = ", ".join(f"...{bundle(WEB / each, names[each])}" for each in names)
    result = page.evaluate(
        f"argument => JSON.stringify(({script})({{ {modules} }}, argument), "
        "(_, value) => ArrayBuffer.isView(value) ? Array.from(value) : value)",
        argument,
    )
    page.close()
    return json.loads(result)
