"""Every operation in every derivative mode and in their compositions, against differences of the same program in NumPy.

With phi(t) = <w, f(x + t v)> every cell is a number: phi' for first derivatives, phi'' for derivatives of derivatives,
phi''' for those of jets. What is zero or refused by nature is declared, with its reason; nothing else may be so.
`docs/matrix.md` is the table; after a change `python -m tests.derive.test_matrix` writes it again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from difflang.backend.protocol import CompileOptions
from difflang.backend.registry import get
from difflang.core.ir import Func
from difflang.core.ops import STRUCTURAL
from difflang.core.verifier import verify
from difflang.derive import erased
from difflang.diagnostics.model import DiffLangError
from difflang.prims import PRIMITIVES
from tests.derive.matrix_rows import PRIMITIVE_ROWS, ROWS, STRUCTURAL_ROWS, Row
from tests.derive.toolkit import (
    Recorder,
    cotangent_function,
    flat,
    floats_of,
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


def execute(func: Func, args: Sequence[Any], backend: str = "reference") -> list[Any]:
    func = erased(func)
    verify(func)
    return get(backend).compile(func, CompileOptions())(list(args), Host())


class Case:
    """A row with its program, a direction for its float arguments, and weights for its float results."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.func = row.program()
        self.args = list(row.at)
        self.values = execute(self.func, self.args)
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


def forward(case: Case) -> dict[int, float]:
    found = execute(tangent_function(case.func), [*case.args, *case.direction])
    return {1: case.weighted(found[len(case.values) :])}


def reverse(case: Case, backend: str = "reference") -> dict[int, float]:
    found = execute(cotangent_function(case.func), [*case.args, *case.weights], backend)
    return {1: case.along(found[len(case.values) :])}


def taylor(case: Case) -> dict[int, float]:
    still = case.still(case.direction)
    series = [c for d, o in zip(case.direction, still, strict=True) for c in (d, o, o)]
    found = execute(jet_function(case.func, 3), [*case.args, *series])[len(case.values) :]
    return {j: math.factorial(j) * case.weighted(found[j - 1 :: 3]) for j in (1, 2, 3)}


def forward_over_reverse(case: Case) -> dict[int, float]:
    gradient = cotangent_function(case.func)
    args = [*case.args, *case.weights, *case.direction, *case.still(case.weights)]
    found = execute(tangent_function(gradient), args)
    return {2: case.along(found[-len(case.direction) :])}


def reverse_over_forward(case: Case) -> dict[int, float]:
    args = [*case.args, *case.direction, *case.still(case.weights), *case.weights]
    count = len(case.values) + len(case.weights)
    found = execute(cotangent_function(tangent_function(case.func)), args)
    return {2: case.along(found[count : count + len(case.direction)])}


def reverse_over_reverse(case: Case) -> dict[int, float]:
    args = [*case.args, *case.weights, *case.still(case.weights), *case.direction]
    count = len(case.values) + len(case.direction)
    found = execute(cotangent_function(cotangent_function(case.func)), args)
    return {2: case.along(found[count : count + len(case.direction)])}


def taylor_over_reverse(case: Case) -> dict[int, float]:
    pairs = [(d, o) for d, o in zip(case.direction, case.still(case.direction), strict=True)]
    pairs += [(o, o) for o in case.still(case.weights)]
    args = [*case.args, *case.weights, *(c for pair in pairs for c in pair)]
    found = execute(jet_function(cotangent_function(case.func), 2), args)[-2 * len(case.direction) :]
    return {2: case.along(found[::2]), 3: 2 * case.along(found[1::2])}


def reverse_over_taylor(case: Case) -> dict[int, float]:
    series = [c for d, o in zip(case.direction, case.still(case.direction), strict=True) for c in (d, o)]
    seeds = [c for w, o in zip(case.weights, case.still(case.weights), strict=True) for c in (o, w)]
    args = [*case.args, *series, *case.still(case.weights), *seeds]
    count = len(case.values) + 2 * len(case.weights)
    found = execute(cotangent_function(jet_function(case.func, 2)), args)
    return {3: 2 * case.along(found[count : count + len(case.direction)])}


COLUMNS: dict[str, Callable[[Case], dict[int, float]]] = {
    "jvp": forward,
    "vjp": reverse,
    "jet": taylor,
    "jvp of vjp": forward_over_reverse,
    "vjp of jvp": reverse_over_forward,
    "vjp of vjp": reverse_over_reverse,
    "jet of grad": taylor_over_reverse,
    "grad of jet": reverse_over_taylor,
}


@cache
def case_of(name: str) -> Case:
    return Case(ROWS[name])


@cache
def oracle_of(name: str) -> list[float]:
    return case_of(name).oracle()


@cache
def series_of(name: str) -> dict[int, float]:
    return taylor(case_of(name))


def observed(case: Case, column: str) -> str:
    """What is found in a cell: `none`, `refused`, `zero`, or `yes` once the numbers agree with the oracle."""
    if not case.direction or not case.weights:
        return "none"
    try:
        found = COLUMNS[column](case)
    except DiffLangError as refusal:
        assert refusal.code in DECLARED.get(case.row.name, ("", ""))[1], f"refused: {refusal}"
        return "refused"
    if not any(found.values()):
        return "zero"
    expected = oracle_of(case.row.name)
    for order, number in found.items():
        assert abs(number) > 1e-6, f"order {order} says nothing at this point"
        assert number == pytest.approx(expected[order - 1], rel=max(1e-6, case.row.rtol), abs=1e-8), f"order {order}"
        first = series_of(case.row.name)[order]
        assert number == pytest.approx(first, rel=case.row.rtol, abs=1e-13), f"order {order}, against the jet"
    return "yes"


def test_every_operation_has_a_row() -> None:
    assert {row.operation for row in PRIMITIVE_ROWS} == set(PRIMITIVES)
    assert {row.operation for row in STRUCTURAL_ROWS} == STRUCTURAL
    assert set(DECLARED) <= set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str) -> None:
    case = case_of(name)
    for found, expected in zip(case.values, case.closed(0.0), strict=False):
        np.testing.assert_allclose(found, expected, rtol=case.row.rtol, atol=1e-15)
    cells = {column: observed(case, column) for column in COLUMNS}
    declared = DECLARED.get(name, ("yes", ""))[0]
    assert cells == dict.fromkeys(COLUMNS, declared), "a hole, or one declared that is none"


@pytest.mark.parametrize("name", ROWS)
def test_row_compiled(name: str) -> None:
    """Value and reverse mode on the compiling backend, in one program where there is a reverse mode."""
    case = case_of(name)
    plain = DECLARED.get(name, ("yes", ""))[0] in ("none", "refused")
    func, args = (case.func, case.args) if plain else (cotangent_function(case.func), [*case.args, *case.weights])
    found, expected = execute(func, args, "llvm"), execute(func, args)
    for number, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(number, reference, rtol=1e-11, atol=1e-14)


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
        "test runs the cell; its numbers agree with differences of the same program in NumPy and with the other modes.",
        "`zero`, `none` and `refused`: so by nature, for the reason given below the table; the tests check that too.",
        "",
        "| operation | value | " + " | ".join(COLUMNS) + " |",
        "| --- | --- | " + " | ".join("---" for _ in COLUMNS) + " |",
    ]
    for name in ROWS:
        cell = DECLARED.get(name, ("yes", ""))[0]
        lines.append(f"| `{name}` | yes | " + " | ".join(cell for _ in COLUMNS) + " |")
    lines += ["", "| operation | cells | reason |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {cell} | {reason} |" for name, (cell, reason) in DECLARED.items()]
    return "\n".join(lines) + "\n" + EXAMPLES


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.derive.test_matrix"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
