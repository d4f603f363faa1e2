"""The check that an implicit function meets its condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from difflang.backend.notice import notice_name, read_notice
from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Func, Type
from difflang.derive import erased
from difflang.diagnostics import Span
from tests.derive.toolkit import Recorder, cotangent_function, function, gradient_function, run, tangent_function


class Listener(Recorder):
    """A host that keeps what it is told of residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, float]] = []

    def extern(self, name: str, args: Sequence[Any]) -> Sequence[Any]:
        self.told.append((read_notice(name)[0], float(args[0])))
        return []


def told(func: Func, *args: Any) -> list[tuple[str, float]]:
    host = Listener()
    run(erased(func), *args, host=host)
    return host.told


def implicit(signature: str, solver: Callable[..., Sequence[Atom]], condition: Callable[..., Sequence[Atom]]) -> Func:
    """A function of the parameters by an `implicit` with the name w; `condition` takes the unknowns first."""

    def body(b: Builder, *params: Atom) -> Sequence[Atom]:
        types = [p.type for p in params]
        first = b.block(types, lambda *p: solver(b, *p))
        unknowns = [r.type for r in first.results]
        second = b.block([*unknowns, *types], lambda *p: condition(b, *p))
        return b.emit("implicit", params, {"name": "w"}, [first, second], unknowns)

    return function(signature, body)


def square_root(error: float, dtype: str = "f64") -> Func:
    """w with w w = a, found up to a relative error."""

    def solver(b: Builder, a: Atom) -> list[Atom]:
        return [b.prim("mul", b.prim("sqrt", a), literal(1 + error, a.type.dtype))]

    def condition(b: Builder, w: Atom, a: Atom) -> list[Atom]:
        return [b.prim("sub", b.prim("mul", w, w), a)]

    return implicit(f"a:{dtype}", solver, condition)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_a_residual_is_held_against_the_size_of_the_terms(scale: float) -> None:
    assert told(square_root(1e-9), 2 * scale) == []
    ((name, quotient),) = told(square_root(1e-6), 2 * scale)
    assert name == "w"
    assert quotient == pytest.approx(1e-6, rel=1e-5), "2e-6 a over a + a"


def test_the_tolerance_follows_the_precision() -> None:
    assert told(square_root(1e-5, "f32"), np.float32(2)) == []
    assert len(told(square_root(1e-2, "f32"), np.float32(2))) == 1


def test_nan_does_not_pass() -> None:
    ((_, quotient),) = told(square_root(0.0), -1.0)
    assert np.isnan(quotient)


def test_cancellation_inside_a_matrix_product_is_no_residual() -> None:
    """A w - y with large terms that cancel to rounding, and with a wrong y."""

    def solver(b: Builder, n: Atom, a: Atom, y: Atom, shift: Atom) -> Sequence[Atom]:
        x = b.emit("solve", [a, y])[0]
        return [b.map(lambda v: b.prim("add", v, shift), x)]

    def condition(b: Builder, w: Atom, n: Atom, a: Atom, y: Atom, shift: Atom) -> list[Atom]:
        image = b.emit("contract", [a, w], {"spec": "ij,j->i"})[0]
        return [b.map(lambda u, v: b.prim("sub", u, v), image, y)]

    f = implicit("n A[n,n] y[n] shift", solver, condition)
    a = np.array([[1e8, 1e8 + 1], [1e8, 1e8 - 1]])
    assert told(f, 2, a, np.array([1.0, 2.0]), 0.0) == []
    assert len(told(f, 2, a, np.array([1.0, 2.0]), 1.0)) == 1


def test_conditions_with_loops_and_products() -> None:
    """w x_1 .. x_n = 1, by a product and by a loop that starts from a constant."""

    def solver(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        (product,) = b.reduce("prod", [n], lambda i: [b.get(x, i)])
        return [b.prim("div", literal(1, "f64"), product)]

    def by_product(b: Builder, w: Atom, n: Atom, x: Atom) -> list[Atom]:
        (product,) = b.reduce("prod", [n], lambda i: [b.get(x, i)])
        return [b.prim("sub", b.prim("mul", w, product), literal(1, "f64"))]

    def by_loop(b: Builder, w: Atom, n: Atom, x: Atom) -> list[Atom]:
        product = b.fold(n, [literal(1, "f64")], lambda i, p: [b.prim("mul", p, b.get(x, i))])[0]
        return [b.prim("sub", b.prim("mul", w, product), literal(1, "f64"))]

    for condition in (by_product, by_loop):
        assert told(implicit("n x[n]", solver, condition), 3, np.array([3.0, -1e5, 7e-9])) == []


def test_derivatives_tell_once() -> None:
    f = square_root(1e-3)
    assert len(told(gradient_function(f), 2.0)) == 1
    assert len(told(tangent_function(gradient_function(f)), 2.0, 1.0)) == 1
    assert len(told(cotangent_function(gradient_function(f)), 2.0, 1.0)) == 1


def test_in_a_loop_each_turn_tells_but_not_its_adjoint() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def one(i: Atom) -> list[Atom]:
            at = b.get(x, i)
            scalar = Type("f64")
            first = b.block([scalar], lambda a: [b.prim("mul", a, a)])
            second = b.block([scalar, scalar], lambda w, a: [b.prim("sub", w, a)])
            w = b.emit("implicit", [at], {"name": "w"}, [first, second], [scalar])[0]
            return [b.prim("mul", w, w)]

        return b.reduce("sum", [n], one)

    assert len(told(gradient_function(function("n x[n]", body)), 3, np.array([1.0, 2.0, 3.0]))) == 2


def test_names_of_notices() -> None:
    place = Span("a|b.dl", 3, 4, 5, 6)
    assert read_notice(notice_name("f", place)) == ("f", place)
    assert read_notice(notice_name("f", None)) == ("f", None)
