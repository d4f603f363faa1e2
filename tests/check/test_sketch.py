"""`difflang check` makes only the types of derivatives that cannot be refused: it finds what compiling finds."""

from __future__ import annotations

import pytest

from difflang.check import loads
from difflang.diagnostics.model import DiffLangError

HEAD = """extern fn outside(x: real) -> real
fn plain(x: real) -> real = exp(x) * x
fn bent(x: real) -> real = x * x
rule jvp bent(x, dx) = x * dx * dx
fn stated(x: real) -> real = x * x
rule vjp stated(x, y, ybar) = 2 * x * ybar
"""

REFUSED = {
    "E0501": [
        "grad(outside)(x)",
        "grad(fn(y: real) = grad(plain)(y) * outside(y))(x)",
        "grad(fn(y: real) = grad(fn(z: real) = plain(z) * y)(y) + outside(grad(plain)(y)))(x)",
        "jet(fn(y: real) = outside(y) * plain(y), order = 2)(x, 1.0)[1]",
        "derivative(fn(y: real) = outside(plain(y)), order = 3)(x)",
        "jvp(fn(y: real) = outside(y))(x, 1.0)[1]",
        "sum(jacobian(fn(y: real[2]) = [outside(y[0]), y[1]])([x, x]))",
    ],
    "E0510": ["grad(bent)(x)", "grad(fn(y: real) = grad(plain)(y) * bent(y))(x)"],
}


@pytest.mark.parametrize(("code", "text"), [(c, t) for c, texts in REFUSED.items() for t in texts])
def test_refused_derivatives_are_found(code, text):
    program = loads(f"{HEAD}fn main(x: real) -> real = {text}")
    assert [d.code for d in program.check()] == [code]
    with pytest.raises(DiffLangError) as failure:
        program.lower("main")
    assert failure.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "grad(fn(y: real) = grad(plain)(y) * stated(y))(x)",
        "grad(fn(y: real) = grad(plain)(y) * stop_grad(outside(y)))(x)",
        "hessian(fn(y: real[n]) = sum(exp(y)) * norm(y))([x, 2 * x])[0, 1]",
        "sum(jacobian(fn(y: real[3]) = grad(fn(z: real[3]) = prod(z))(y), sparse = true)([x, x, x]).values)",
        "derivative(fn(y: real) = jet(plain, order = 2)(y, 1.0)[2], order = 2)(x)",
    ],
)
def test_right_derivatives_have_no_mistakes(text):
    program = loads(f"{HEAD}fn main(x: real) -> real = {text}")
    assert program.check() == []
    program.lower("main")


def test_sizes_of_derivatives_are_known():
    found = loads(
        "fn f(x: real[n]) -> real[n + 1] = concat(x, [1.0])\n"
        "fn main(x: real[n]) -> real[n, n] = jacobian(f)(x)\n"
        "fn second(x: real[n]) -> real[n] = grad(fn(y: real[n]) = sum(vjp(f)(y, f(y))[1]))(x)\n"
        "fn third(x: real[n], m: real[k]) -> real[k] = m + grad(fn(y: real[n]) = sum(y))(x)\n"
    ).check()
    assert [(d.code, d.span.line) for d in found if d.span] == [("E0401", 2), ("E0401", 4)]
