"""Modules that are joined to one script stay apart."""

import pytest

from experiments.explainer.bundle import bundle
from tests.serving.web_browser import needs_browser


def _write(folder, **modules):
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "main.js"


@needs_browser
def test_equal_names_in_two_modules_stay_two(tmp_path, browser):
    entry = _write(
        tmp_path,
        main='import {\n  twice as double,\n} from "./a.js"; // a comment\n'
        'import { twice } from "./b.js";\n'
        "export const result = [double(3), twice(3)];\n",
        a="const two = 2;\nexport function twice(x) { return two * x; }\n",
        b='import { twice as other } from "./a.js";\nconst two = "two";\n'
        "export const twice = (x) => [two, other(x)];\n",
    )
    page = browser.new_page()
    assert page.evaluate(bundle(entry, ["result"])) == {"result": [6, ["two", 6]]}
    page.close()


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        (
            {
                "main": 'import { a } from "./a.js";',
                "a": 'import { b } from "./main.js";',
            },
            "in a circle: main.js -> a.js -> main.js",
        ),
        ({"main": 'import a from "./a.js";'}, r"Received: 'import a from"),
        ({"main": "export default 3;"}, "Received: 'export default'"),
        ({"main": 'const a = "</script>";'}, '"</script" ends the script'),
    ],
    ids=["circle", "default import", "default export", "end of the script"],
)
def test_what_cannot_be_joined_is_refused(modules, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        bundle(_write(tmp_path, **modules))
