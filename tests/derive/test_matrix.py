"""Every operation in every derivative mode and composition, on every backend, against the same program in NumPy.

With phi(t) = <w, f(x + t v)> every cell is a number: phi' for first derivatives, phi'' for derivatives of derivatives,
phi''' for those of jets. What is zero or refused by nature is declared, with its reason; nothing else may be so.
`docs/matrix.md` is the table; after a change `python -m tests.derive.test_matrix` writes it again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from difflang.backend.protocol import CompileOptions
from difflang.backend.registry import get
from difflang.core.builder import Builder
from difflang.core.ir import Func
from difflang.core.ops import STRUCTURAL
from difflang.core.verifier import verify
from difflang.derive import erased, inline
from difflang.diagnostics.model import DiffLangError
from difflang.passes import optimize
from difflang.prims import PRIMITIVES
from tests.derive.matrix_rows import PRIMITIVE_ROWS, ROWS, STRUCTURAL_ROWS, Row
from tests.derive.toolkit import (
    Recorder,
    cotangent_function,
    flat,
    floats_of,
    fresh_parameters,
    is_float,
    jet_function,
    random_like,
    tangent_function,
)

PAGE = Path(__file__).parents[2] / "docs" / "matrix.md"

STEPWISE = "constant between its jumps"
WHOLE = "the result is an integer"
TRUTH = "the result is a truth value"
OUTSIDE = "E0501: computed outside the program; a `rule` states its derivative"
DECLARED: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("floor", "ceil", "round", "sign", "floordiv"), ("zero", STEPWISE)),
    "stop_grad": ("zero", "a constant for every derivative: this is its purpose"),
    **dict.fromkeys(("isnan", "isfinite", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not"), ("none", TRUTH)),
    **dict.fromkeys(("reduce all", "reduce any"), ("none", TRUTH)),
    **dict.fromkeys(("reduce argmax", "reduce argmin", "argsort", "random_bits"), ("none", WHOLE)),
    "bits_to_unit": ("none", "the argument is an integer"),
    "extern": ("refused", OUTSIDE),
}
"""For all derivative columns of a row: how the cell reads, and why."""


class Host(Recorder):
    def extern(self, name: str, args: Sequence[Any]) -> Sequence[Any]:
        return [np.square(args[0])]


class Case:
    """A row with its program, a direction for its float arguments, and weights for its float results."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.func = row.program()
        self.args = list(row.at)
        self.values = interpreted(self.func, self.args)
        self.direction = random_like(floats_of(self.args), 3)
        self.weights = random_like(floats_of(self.values), 4)

    def still(self, arrays: Sequence[Any]) -> list[Any]:
        return [0.0 * np.asarray(a) if np.ndim(a) else 0.0 for a in arrays]

    def weighted(self, results: Sequence[Any]) -> float:
        return float(flat(self.weights) @ flat(results))

    def along(self, results: Sequence[Any]) -> float:
        return float(flat(self.direction) @ flat(results))

    def closed(self, t: float) -> tuple[Any, ...]:
        left = iter(self.direction)
        moved = [(a + t * next(left)) ** 3 if is_float(a) else a for a in self.args]
        found = self.row.closed(*moved)
        return found if isinstance(found, tuple) else (found,)

    def oracle(self) -> list[float]:
        """phi', phi'' and phi''' from the polynomial through nine values of the program in NumPy."""
        h, places = 0.005, np.arange(-4, 5)
        samples = [self.weighted(self.closed(h * k)) for k in places]
        series = np.linalg.solve(np.vander(places, increasing=True).astype(float), samples)
        return [math.factorial(j) * float(series[j]) / h**j for j in (1, 2, 3)]


@dataclass(frozen=True)
class Cell:
    """A derived program, its arguments, and how the derivatives of phi are read from its results, by order."""

    func: Func
    args: list[Any]
    read: Callable[[Sequence[Any]], dict[int, float]]


def forward(case: Case) -> Cell:
    count = len(case.values)
    args = [*case.args, *case.direction]
    return Cell(tangent_function(case.func), args, lambda found: {1: case.weighted(found[count:])})


def reverse(case: Case) -> Cell:
    count = len(case.values)
    args = [*case.args, *case.weights]
    return Cell(cotangent_function(case.func), args, lambda found: {1: case.along(found[count:])})


def taylor(case: Case) -> Cell:
    count = len(case.values)
    still = case.still(case.direction)
    series = [c for d, o in zip(case.direction, still, strict=True) for c in (d, o, o)]

    def read(found: Sequence[Any]) -> dict[int, float]:
        return {j: math.factorial(j) * case.weighted(found[count + j - 1 :: 3]) for j in (1, 2, 3)}

    return Cell(jet_function(case.func, 3), [*case.args, *series], read)


def forward_over_reverse(case: Case) -> Cell:
    func = tangent_function(cotangent_function(case.func))
    args = [*case.args, *case.weights, *case.direction, *case.still(case.weights)]
    return Cell(func, args, lambda found: {2: case.along(found[-len(case.direction) :])})


def reverse_over_forward(case: Case) -> Cell:
    func = cotangent_function(tangent_function(case.func))
    args = [*case.args, *case.direction, *case.still(case.weights), *case.weights]
    start = len(case.values) + len(case.weights)
    return Cell(func, args, lambda found: {2: case.along(found[start : start + len(case.direction)])})


def reverse_over_reverse(case: Case) -> Cell:
    func = cotangent_function(cotangent_function(case.func))
    args = [*case.args, *case.weights, *case.still(case.weights), *case.direction]
    start = len(case.values) + len(case.direction)
    return Cell(func, args, lambda found: {2: case.along(found[start : start + len(case.direction)])})


def taylor_over_reverse(case: Case) -> Cell:
    pairs = [(d, o) for d, o in zip(case.direction, case.still(case.direction), strict=True)]
    pairs += [(o, o) for o in case.still(case.weights)]
    args = [*case.args, *case.weights, *(c for pair in pairs for c in pair)]

    def read(found: Sequence[Any]) -> dict[int, float]:
        last = found[-2 * len(case.direction) :]
        return {2: case.along(last[::2]), 3: 2 * case.along(last[1::2])}

    return Cell(jet_function(cotangent_function(case.func), 2), args, read)


def reverse_over_taylor(case: Case) -> Cell:
    series = [c for d, o in zip(case.direction, case.still(case.direction), strict=True) for c in (d, o)]
    seeds = [c for w, o in zip(case.weights, case.still(case.weights), strict=True) for c in (o, w)]
    args = [*case.args, *series, *case.still(case.weights), *seeds]
    start = len(case.values) + 2 * len(case.weights)
    func = cotangent_function(jet_function(case.func, 2))
    return Cell(func, args, lambda found: {3: 2 * case.along(found[start : start + len(case.direction)])})


COLUMNS: dict[str, Callable[[Case], Cell]] = {
    "jvp": forward,
    "vjp": reverse,
    "jet": taylor,
    "jvp of vjp": forward_over_reverse,
    "vjp of jvp": reverse_over_forward,
    "vjp of vjp": reverse_over_reverse,
    "jet of grad": taylor_over_reverse,
    "grad of jet": reverse_over_taylor,
}


# --- backends ---

Numbers = dict[str, dict[int, float]]
"""The derivatives of phi by column and order."""


def run(func: Func, args: Sequence[Any], backend: str, options: CompileOptions) -> list[Any]:
    verify(func)
    return get(backend).compile(func, options)(list(args), Host())


def interpreted(func: Func, args: Sequence[Any]) -> list[Any]:
    """Core as the transforms leave it."""
    return run(erased(func), args, "reference", CompileOptions())


def interpreted_cells(case: Case, cells: dict[str, Cell]) -> tuple[list[Any], Numbers]:
    """Each cell is a program of its own."""
    return case.values, {column: cell.read(interpreted(cell.func, cell.args)) for column, cell in cells.items()}


def compiled_cells(case: Case, cells: dict[str, Cell]) -> tuple[list[Any], Numbers]:
    """The value and all cells are one program, rewritten as users' programs are, but for what LLVM does to it."""
    programs = [Cell(case.func, case.args, lambda found: {}), *cells.values()]
    func = optimize(erased(side_by_side([program.func for program in programs])))
    args = [arg for program in programs for arg in program.args]
    found = iter(run(func, args, "llvm", CompileOptions(cache=False, optimize=0)))
    parts = [[next(found) for _ in program.func.results] for program in programs]
    return parts[0], {column: cell.read(part) for (column, cell), part in zip(cells.items(), parts[1:], strict=True)}


def side_by_side(funcs: Sequence[Func]) -> Func:
    """One function with the parameters and the results of all."""
    builder = Builder()
    params = [fresh_parameters(func)[0] for func in funcs]
    builder.open([p for own in params for p in own])
    results = [r for func, own in zip(funcs, params, strict=True) for r in inline(builder, func.block, own)]
    return Func("row", builder.close([p for own in params for p in own], results))


BACKENDS: dict[str, Callable[[Case, dict[str, Cell]], tuple[list[Any], Numbers]]] = {
    "reference": interpreted_cells,
    "llvm": compiled_cells,
}
"""How the value and the cells of a row are computed."""


# --- the test ---


@cache
def case_of(name: str) -> Case:
    return Case(ROWS[name])


@cache
def oracle_of(name: str) -> list[float]:
    return case_of(name).oracle()


@cache
def cells_of(name: str) -> dict[str, Cell]:
    """The derived programs of a row; none where it is declared to have no derivative."""
    return {column: make(case_of(name)) for column, make in COLUMNS.items()}


def declared(name: str) -> tuple[str, str]:
    return DECLARED.get(name, ("yes", ""))


def check_cell(case: Case, found: dict[int, float], series: dict[int, float]) -> None:
    """The derivatives of phi: to rounding those of the jet (`series`), and those of the oracle."""
    expected = oracle_of(case.row.name)
    for order, number in found.items():
        assert abs(number) > 1e-6, f"order {order} says nothing at this point"
        assert number == pytest.approx(expected[order - 1], rel=max(1e-6, case.row.rtol), abs=1e-8), f"order {order}"
        assert number == pytest.approx(series[order], rel=case.row.rtol, abs=1e-13), f"order {order}, against the jet"


def check_values(case: Case, values: Sequence[Any]) -> None:
    for found, expected in zip(values, case.closed(0.0), strict=False):
        np.testing.assert_allclose(found, expected, rtol=case.row.rtol, atol=1e-15)


def test_every_operation_has_a_row() -> None:
    assert {row.operation for row in PRIMITIVE_ROWS} == set(PRIMITIVES)
    assert {row.operation for row in STRUCTURAL_ROWS} == STRUCTURAL
    assert set(DECLARED) <= set(ROWS)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [name for name in ROWS if declared(name)[0] in ("yes", "zero")])
def test_row(name: str, backend: str) -> None:
    case, cells = case_of(name), cells_of(name)
    values, numbers = BACKENDS[backend](case, cells)
    check_values(case, values)
    for column, found in numbers.items():
        if declared(name)[0] == "zero":
            assert not any(found.values()), f"{column} is declared to be zero"
        else:
            check_cell(case, found, numbers["jet"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [name for name in ROWS if declared(name)[0] in ("none", "refused")])
def test_row_without_derivatives(name: str, backend: str) -> None:
    """`none`: there is nothing to differentiate, or by. `refused`: with the code that the declaration gives."""
    case = case_of(name)
    check_values(case, BACKENDS[backend](case, {})[0])
    if declared(name)[0] == "none":
        assert not case.direction or not case.weights
        return
    for make in COLUMNS.values():
        with pytest.raises(DiffLangError) as refusal:
            make(case)
        assert refusal.value.code in declared(name)[1]


EXAMPLES = """
What the compositions are in a program:

```dl
fn f(x: real) -> real = x * sin(x)

fn jvp_of_vjp(x: real) -> real = jvp(grad(f))(x, 1.0)[1]
fn vjp_of_jvp(x: real) -> real = grad(fn(y: real) = jvp(f)(y, 1.0)[1])(x)
fn vjp_of_vjp(x: real) -> real = grad(grad(f))(x)
fn jet_of_grad(x: real) -> real = jet(grad(f), order = 2)(x, 1.0)[1]
fn grad_of_jet(x: real) -> real = grad(fn(y: real) = 2.0 * jet(f, order = 2)(y, 1.0)[2])(x)
```
"""


def page() -> str:
    """The matrix in Markdown."""
    lines = [
        "# The derivative matrix",
        "",
        "Every operation of the intermediate language, in every derivative mode and in their compositions. `yes`: a",
        f"test runs the cell on the backends {' and '.join(f'`{name}`' for name in BACKENDS)}; its numbers agree with",
        "differences of the same program in NumPy and with the other modes. `zero`, `none` and `refused`: so by",
        "nature, for the reason given below the table; the tests check that too.",
        "",
        "| operation | value | " + " | ".join(COLUMNS) + " |",
        "| --- | --- | " + " | ".join("---" for _ in COLUMNS) + " |",
    ]
    for name in ROWS:
        cell = declared(name)[0]
        lines.append(f"| `{name}` | yes | " + " | ".join(cell for _ in COLUMNS) + " |")
    lines += ["", "| operation | cells | reason |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {cell} | {reason} |" for name, (cell, reason) in DECLARED.items()]
    return "\n".join(lines) + "\n" + EXAMPLES


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.derive.test_matrix"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
