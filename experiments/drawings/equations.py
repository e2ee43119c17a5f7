"""Reads the equations that the drawings show from the source of `lstm_step`.

Nothing is written down twice: after an edit of lstm_layer/step.py the script draws the
edited equations.
"""

import ast
import functools
from typing import NamedTuple

from experiments.tables import ROOT

STEP = ROOT / "lstm_layer" / "step.py"
# Groups of the tutorial, and the values of `lstm_step` that each computes.
GROUPS = {
    "1.1": ("f",),
    "1.2": ("kept",),
    "2.1": ("i", "c_tilde"),
    "2.2": ("written",),
    "1 + 2": ("c",),
    "3": ("o", "h"),
}
SYMBOLS = {
    **{"f": "f_t", "i": "i_t", "c_tilde": "C~_t", "o": "o_t", "c": "C_t", "h": "h_t"},
    "c_prev": "C_{t-1}",
}


class Equation(NamedTuple):
    """Holds one equation of `lstm_step`."""

    name: str  # of the value
    code: str  # the line of lstm_step
    formula: str  # the value in symbols
    symbol: str | None  # of the value; None where the tutorial gives it none

    @property
    def text(self):
        """The equation in symbols, such as "C_t = f_t * C_{t-1} + i_t * C~_t"."""
        return f"{self.symbol} = {self.formula}" if self.symbol else self.formula


class Equations(NamedTuple):
    """Holds what `read_equations` finds."""

    blocks: tuple  # subscripts of the packed weights from left to right: i, f, C, o
    equations: dict  # name of a value -> Equation, in the order of the code
    functions: dict  # subscript of a block -> function of its sums, such as "tanh"


@functools.cache
def read_equations(path=STEP):
    """Returns the `Equations` of a file that defines `lstm_step`.

    Raises:
        ValueError: If `lstm_step` is not a split of z, assignments and a return.
    """
    module = ast.parse(path.read_text(encoding="utf-8"))
    (step,) = (node for node in module.body if getattr(node, "name", "") == "lstm_step")
    _, split, *assignments, _ = step.body
    if not isinstance(split, ast.Assign) or not isinstance(split.targets[0], ast.Tuple):
        raise ValueError(
            f"{path}:{split.lineno}: expected the split of z into its blocks. Put it "
            "first in lstm_step, or change experiments/drawings/equations.py."
        )
    sums = [target.id for target in split.targets[0].elts]
    blocks = tuple(name.removeprefix("z_").replace("c", "C") for name in sums)
    known = {name: ast.Name(symbol) for name, symbol in SYMBOLS.items()}
    known |= {name: _sum(block) for name, block in zip(sums, blocks, strict=True)}
    arguments = step.args.args[-len(step.args.defaults) :]
    for argument, default in zip(arguments, step.args.defaults, strict=True):
        known[argument.arg] = ast.Name(default.attr)
    equations, functions = {}, dict.fromkeys(blocks, "linear")
    for line in assignments:
        if not isinstance(line, ast.Assign) or not isinstance(
            line.targets[0], ast.Name
        ):
            raise ValueError(
                f"{path}:{line.lineno}: expected `name = expression`. Received: "
                f"{ast.unparse(line)!r}. Write lstm_step so, or change "
                "experiments/drawings/equations.py."
            )
        name, code = line.targets[0].id, ast.unparse(line)
        for call in ast.walk(line.value):
            if isinstance(call, ast.Call):
                function = ast.unparse(_InSymbols(known).visit(call.func))
                read = {
                    node.id for node in ast.walk(call) if isinstance(node, ast.Name)
                }
                functions |= {blocks[sums.index(z)]: function for z in read & {*sums}}
        value = _InSymbols(known).visit(line.value)
        symbol = SYMBOLS.get(name)
        equations[name] = Equation(name, code, ast.unparse(value), symbol)
        known.setdefault(name, value)
    return Equations(blocks, equations, functions)


def _sum(block):
    """Returns x_t W + h_{t-1} U + b of a block as a syntax tree."""
    terms = (f"x_t W_{block}", f"h_{{t-1}} U_{block}", f"b_{block}")
    x, h, b = map(ast.Name, terms)
    return ast.BinOp(ast.BinOp(x, ast.Add(), h), ast.Add(), b)


class _InSymbols(ast.NodeTransformer):
    """Replaces the names of `lstm_step` by symbols, or by what computes them."""

    def __init__(self, known):
        self.known = known

    def visit_Name(self, node):
        return self.known.get(node.id, node)
