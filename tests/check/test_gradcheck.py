"""`check_grad` in programs: it finds wrong rules in either mode, whatever the arguments are."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl

PROGRAM = """
struct P[n]:
    w: real[n]
    b: real
fn backwards(x: real) -> real = x * x
rule vjp backwards(x, y, ybar) = 3 * x * ybar
fn forwards(x: real) -> real = x * x
rule jvp forwards(x, dx) = 3 * x * dx
fn both(x: real) -> real = x * x
rule jvp both(x, dx) = 2.001 * x * dx
rule vjp both(x, y, ybar) = 2.001 * x * ybar
fn several(p: P[n], x: real[n], k: int) -> (real, real[n]):
    assert k > 0
    return (dot(p.w, x) * p.b * k, exp(p.w) / x)
fn chained(x: real[n]) -> real[n]:
    var a = x
    for i in 1..n:
        a[i] = a[i - 1] * sin(a[i])
    return a
fn doubled(x: real[n], y: real[2 * n]) -> real = sum(x) * sum(y * y)
fn mixed(x: f64[n], y: f32) -> f64 = sum(sin(x)) * f64(y * y)
"""


@pytest.fixture(scope="module", params=["llvm", "reference"])
def checked(request):
    def run(call: str) -> bool:
        return dl.loads(f"{PROGRAM}\nfn main() -> bool = check_grad({call})").main.on(backend=request.param)()

    return run


@pytest.mark.parametrize("name", ["backwards", "forwards", "both"])
def test_a_wrong_rule_is_found(checked, name):
    assert not checked(f"{name}, 1.3")


@pytest.mark.parametrize(
    "call",
    [
        "several, P(w = [1.0, 2.0, 0.3], b = 0.5), [2.0, 1.5, 2.0], 3",
        "several, P(w = [1.0], b = 0.5), k = 3, x = [2.0]",
        "chained, [1.0, 2.0, 3.0]",
        "doubled, [1.0, 2.0], [1.0, 2.0, 3.0, 4.0]",
        "fn(x: real) = x * x * x, 2",
        "grad(fn(x: real) = exp(x * x)), 0.4",
    ],
)
def test_right_derivatives_agree(checked, call):
    assert checked(call)


def test_arguments_of_two_precisions(checked):
    """The step is as wide as the first argument allows; the other one has to follow exactly."""
    assert checked("mixed, [0.5, 1.0], f32(2)")


def test_the_function_stands_once_for_all_steps():
    """What is elaborated costs time in every `difflang check`: the function, its jvp and its vjp, and no more."""
    program = dl.loads("fn f(x: real) -> real = lgamma(x)\nfn main(x: real) -> bool = check_grad(f, x)")
    assert program.main.emit("core").count("lgamma") == 3


def test_a_mistake_in_the_function_is_told_once():
    found = dl.loads('fn f(x: real) -> real = exp(y)\ntest "t":\n    assert check_grad(f, 1.0)\n').check()
    assert {d.code for d in found} == {"E0201"}


def test_a_function_that_prints_is_checked_in_silence(capsys):
    text = """
fn f(x: real[n]) -> real:
    for k in 0..2:
        print("here {0}", x)
    report(step = 1, loss = sum(x))
    return sum(sin(x))
fn inside(x: real[n]) -> bool = check_grad(f, x)
"""
    figures = []
    module = dl.loads(text)
    assert dl.check_grad(module.f.on(report=figures.append), np.ones(2))
    assert module.inside.on(report=figures.append)(np.ones(2)) and module.inside.on(backend="reference")(np.ones(2))
    assert capsys.readouterr().out == "" and figures == []
    module.f(np.ones(2))
    assert capsys.readouterr().out.count("here") == 2
