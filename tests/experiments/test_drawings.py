"""The drawings of docs/lstm.md: they show what the code computes."""

import itertools
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from experiments.drawings import unit
from experiments.drawings.__main__ import DIRECTORY, LIVE_UNIT, main
from experiments.drawings.equations import GROUPS, STEP, read_equations
from experiments.drawings.figures import LIT, drawings, svg_files
from experiments.drawings.gradient import FORGET_GATE, shares
from experiments.drawings.live_unit import live_unit
from experiments.tables import LSTM_PAGE
from lstm_layer import LSTMCell
from lstm_layer.gradient import step_gradient

UNITS, FEATURES = 3, 2
FUNCTIONS = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "product": lambda a, b: a * b,
    "sum": lambda a, b: a + b,
}


@pytest.fixture
def rng():
    return np.random.default_rng(1997)


def test_the_files_are_what_the_script_writes():
    files = {path.name: path.read_text("utf-8") for path in DIRECTORY.iterdir()}
    assert files == svg_files()
    assert LIVE_UNIT.read_text("utf-8") == live_unit()


def test_the_script_writes_the_files(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.drawings.__main__.DIRECTORY", tmp_path)
    monkeypatch.setattr("experiments.drawings.__main__.LIVE_UNIT", tmp_path / "live")
    main([])
    files = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    assert files == {**svg_files(), "live": live_unit()}


def test_the_page_shows_each_drawing_once_and_describes_it():
    class Images(HTMLParser):
        found = ()

        def handle_starttag(self, tag, attributes):
            if tag == "img" and dict(attributes)["src"].startswith("drawings/"):
                self.found += (dict(attributes),)

    images = Images()
    images.feed(LSTM_PAGE.read_text("utf-8"))
    shown = {image["src"]: image["alt"] for image in images.found}
    assert len(images.found) == len(shown)
    assert shown == {
        f"drawings/{name}.svg": drawing.description
        for name, drawing in drawings().items()
    }


def test_the_page_has_the_equations_of_the_code_in_its_table():
    rows = re.findall(
        r"^\| [\d+. ]+\w[^|]*\| `([^|]*)` \| `([^|]*)` \|$",
        LSTM_PAGE.read_text("utf-8"),
        re.M,
    )
    expected = read_equations().equations.values()
    assert rows == [(equation.text, equation.code) for equation in expected]


def test_the_groups_are_the_lines_of_the_step_in_their_order():
    names = [*read_equations().equations]
    assert [name for group in GROUPS.values() for name in group] == names
    assert [lit.group for lit in LIT.values()] == [*GROUPS]


@pytest.mark.parametrize(
    ("before", "after", "name", "text"),
    [
        ("= recurrent_activation(z_f)", "= 0.5 * recurrent_activation(z_f)", "f",
         "f_t = 0.5 * sigmoid(x_t W_f + h_{t-1} U_f + b_f)"),
        ("= recurrent_activation(z_f)", "= ops.relu(0.5 * z_f)", "f",
         "f_t = ops.relu(0.5 * (x_t W_f + h_{t-1} U_f + b_f))"),
        ("c = kept + written", "c = kept - written", "c",
         "C_t = f_t * C_{t-1} - i_t * C~_t"),
        ("written = i * c_tilde", "written = (1 - f) * c_tilde", "c",
         "C_t = f_t * C_{t-1} + (1 - f_t) * C~_t"),
        ("h = o * activation(c)", "h = o * c", "h", "h_t = o_t * C_t"),
        ("=activations.tanh", "=activations.relu", "c_tilde",
         "C~_t = relu(x_t W_C + h_{t-1} U_C + b_C)"),
    ],
)  # fmt: skip
def test_an_edited_equation_is_drawn_as_edited(before, after, name, text, tmp_path):
    edited = read_equations(_edited(tmp_path, before, after)).equations
    assert edited[name].text == text
    assert read_equations().equations[name].text != text


@pytest.mark.parametrize(
    ("before", "after", "functions"),
    [
        ("=activations.tanh", "=activations.relu", ("sigmoid", "sigmoid", "relu")),
        ("recurrent_activation(z_f)", "ops.relu(0.5 * z_f)",
         ("sigmoid", "ops.relu", "tanh")),
        ("recurrent_activation(z_f)", "z_f", ("sigmoid", "linear", "tanh")),
    ],
)  # fmt: skip
def test_a_layer_shows_the_function_of_the_code(before, after, functions, tmp_path):
    expected = dict(zip("ifCo", (*functions, "sigmoid"), strict=True))
    assert read_equations(_edited(tmp_path, before, after)).functions == expected


def test_another_order_of_the_weights_is_drawn_as_such(tmp_path):
    path = _edited(tmp_path, "z_i, z_f, z_c, z_o = ops", "z_o, z_c, z_f, z_i = ops")
    assert read_equations().blocks == ("i", "f", "C", "o")
    assert read_equations(path).blocks == ("o", "C", "f", "i")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "    c = kept",
            "    c = kept\n    c += kept",
            "`name = expression`. Rec.*'c \\+=",
        ),
        ("z_i, z_f, z_c, z_o = ops", "zs = ops", "expected the split of z"),
    ],
)
def test_a_step_that_cannot_be_read_is_refused(before, after, message, tmp_path):
    path = _edited(tmp_path, before, after)
    with pytest.raises(ValueError, match=rf"step\.py:\d+: .*{message}"):
        read_equations(path)


def _edited(tmp_path, before, after):
    source = STEP.read_text("utf-8")
    assert source.count(before) == 1
    path = tmp_path / "step.py"
    path.write_text(source.replace(before, after), "utf-8")
    return path


def test_the_drawn_unit_computes_what_the_cell_computes(rng):
    cell = LSTMCell(UNITS, dtype="float64")
    cell.build((1, FEATURES))
    kernel, recurrent_kernel, bias = (rng.normal(size=w.shape) for w in cell.weights)
    cell.set_weights([kernel, recurrent_kernel, bias])
    x, h_prev, c_prev = (rng.normal(size=(1, n)) for n in (FEATURES, UNITS, UNITS))
    parts, wires = unit.parts(), unit.wires()
    values = {"x": x, "h_prev": h_prev, "c_prev": c_prev}
    block = dict(zip(read_equations().blocks, range(4), strict=True))

    def value(name):
        """Follows the drawn wires back from a value."""
        if name not in values:
            function = FUNCTIONS[parts[name].function]
            values[name] = function(*arguments(name))
        return values[name]

    def arguments(name):
        read = [wire for wire, drawn in wires.items() if name in drawn.ends]
        if read == ["inputs"]:
            assert [w for w, drawn in wires.items() if "inputs" in drawn.ends] == (
                ["h_prev", "x"]
            )
            at = block["C" if name == "c_tilde" else name]
            columns = slice(at * UNITS, (at + 1) * UNITS)
            z = x @ kernel[:, columns] + h_prev @ recurrent_kernel[:, columns]
            return [z + bias[columns]]
        return map(value, read)

    new = cell.step(cell.sums(x, h_prev), c_prev)
    for name, expected in new._asdict().items():
        np.testing.assert_allclose(value(name), expected, rtol=1e-12)
    leaving = {name for name, wire in wires.items() if "" in wire.ends}
    assert leaving == {"c", "h"}
    assert set(values) == {*wires} - {"inputs"}


def test_the_unit_has_the_parts_that_the_page_counts():
    counted = re.findall(
        r"^- (\d) (.*),$|^- (\d) outputs", LSTM_PAGE.read_text("utf-8"), re.M
    )
    parts = unit.parts().values()
    layers = [part.function for part in parts if part.title]
    operations = [
        part.function for part in parts if not part.title and part.function != "inputs"
    ]
    assert counted[1] == (
        str(len(layers)),
        f"layers: {layers.count('sigmoid')} sigmoids (the gates) and "
        f"{layers.count('tanh')} tanh (the candidate values)",
        "",
    )
    assert counted[2] == (
        str(len(operations)),
        f"pointwise operations: {operations.count('product')} products, "
        f"{operations.count('sum')} sum, {operations.count('tanh')} tanh",
        "",
    )
    outputs = sum("" in wire.ends for wire in unit.wires().values())
    assert counted[3] == ("", "", str(outputs))


def test_every_wire_begins_and_ends_at_the_edge_of_its_part():
    parts = unit.parts()
    for name, wire in unit.wires().items():
        for end, points in wire.ends.items():
            assert end == "" or _at_edge(points[-1], parts[end]), (name, end)
            if (name, end) == ("c", "tanh_c"):  # leaves the way of the cell state
                (x, top), (_, bottom) = wire.ends[""]
                assert points[0][0] == x
                assert top < points[0][1] < bottom
            elif name != "inputs":
                source = parts.get(wire.source)
                assert source is None or _at_edge(points[0], source), (name, end)
            assert all(
                (xa == xb) != (ya == yb)
                for (xa, ya), (xb, yb) in itertools.pairwise(points)
            )


def _at_edge(point, part):
    """Returns whether a point is the middle of a side of a part."""
    dx, dy = abs(point[0] - part.x), abs(point[1] - part.y)
    return (dx, dy) in ((part.size[0] / 2, 0), (0, part.size[1] / 2))


def test_each_part_wire_and_label_of_the_unit_has_an_id():
    root = ElementTree.fromstring(svg_files()["unit.svg"])
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    labels = [name for name, wire in unit.wires().items() if wire.label]
    assert sorted(ids) == sorted(
        [
            *("unit-title", "unit-description"),
            *(f"part-{name}" for name in unit.parts()),
            *(f"wire-{name}" for name in unit.wires()),
            *(f"label-{name}" for name in labels),
        ]
    )


# The lit wires as "from>to"; nothing after ">" is outside of the unit.
LIT_WIRES = {
    "group_1_1": "h_prev>inputs x>inputs inputs>f f>kept",
    "group_1_2": "c_prev>kept f>kept kept>c",
    "group_2_1": "h_prev>inputs x>inputs inputs>i inputs>c_tilde i>written "
    "c_tilde>written",
    "group_2_2": "i>written c_tilde>written written>c",
    "new_cell_state": "c_prev>kept f>kept kept>c i>written c_tilde>written written>c "
    "c>",
    "group_3": "h_prev>inputs x>inputs inputs>o c>tanh_c o>h tanh_c>h h>",
}


@pytest.mark.parametrize("name", LIT)
def test_a_group_lights_what_its_equations_compute(name):
    root = ElementTree.fromstring(svg_files()[f"{name}.svg"])
    groups = [element for element in root.iter() if element.get("id")]
    wires = [e for e in groups if e.get("id").startswith("wire-")]
    assert {
        f"{wire.get('id').removeprefix('wire-')}>{branch.get('data-to', '')}"
        for wire in wires
        for branch in wire
        if branch.get("class") == "lit"
    } == set(LIT_WIRES[name].split())
    lit = {e.get("id") for e in groups if "lit" in e.get("class", "").split()}
    computed = {f"part-{value}" for value in GROUPS[LIT[name].group]}
    assert computed <= lit
    assert lit == {f"part-{part}" for part in LIT[name].parts}
    shown = ["".join(e.itertext()) for e in groups if e.get("id").startswith("formula")]
    assert shown == [
        re.sub(r"_\{?(\w(-1)?)\}?", r"\1", read_equations().equations[value].text)
        .replace("-1", "\N{MINUS SIGN}1")
        for value in GROUPS[LIT[name].group]
    ]  # fmt: skip


def test_the_gradient_along_the_cell_shrinks_as_drawn(rng):
    f = np.full((1, 1), FORGET_GATE)
    gradient, drawn = np.ones((1, 1)), [1.0]
    for _ in range(3):
        i, c_tilde, o, c_prev = rng.normal(size=(4, 1, 1))
        _, gradient = step_gradient(
            f, i, c_tilde, o, c_prev, np.zeros((1, 1)), gradient
        )
        drawn.append(float(gradient[0, 0]))
    assert shares(FORGET_GATE) == pytest.approx(drawn[::-1])
