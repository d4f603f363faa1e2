"""Rules: each mode alone serves the other, and two that disagree are told apart, with both places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import difflang as dl

BODY = """
fn spin(x: real[n], angle: real) -> (real[n], real):
    return ([cos(angle) * x[i] + stop_grad(0.0 * x[i]) for i in 0..n], sin(angle) * x[0])
"""
TANGENT = """
rule jvp spin(x, angle, dx, dangle):
    let turned = [cos(angle) * dx[i] - sin(angle) * x[i] * dangle for i in 0..len(x)]
    return (turned, sin(angle) * dx[0] + cos(angle) * x[0] * dangle)
"""
COTANGENT = """
rule vjp spin(x, angle, y, ybar):
    let xbar = [cos(angle) * ybar[0][i] + (sin(angle) * ybar[1] if i == 0 else 0.0) for i in 0..len(x)]
    return (xbar, cos(angle) * x[0] * ybar[1] - sin(angle) * dot(x, ybar[0]))
"""
POINT = {"x": np.array([0.4, -1.1, 0.8]), "angle": 0.6}


def jacobian() -> np.ndarray:
    """Of (y, z) by (x, angle)."""
    x, angle = POINT["x"], POINT["angle"]
    top = np.column_stack([np.cos(angle) * np.eye(3), -np.sin(angle) * x])
    return np.vstack([top, [np.sin(angle), 0, 0, np.cos(angle) * x[0]]])


@pytest.mark.parametrize("rules", [TANGENT, COTANGENT, TANGENT + COTANGENT], ids=["jvp", "vjp", "both"])
@pytest.mark.parametrize("backend", ["reference", "llvm"])
def test_each_rule_serves_both_modes(rules: str, backend: str) -> None:
    spin = dl.loads(BODY + rules).spin.on(backend=backend)
    dx, dangle = np.array([0.3, 0.2, -0.5]), 0.9
    (y, z), (dy, dz) = dl.jvp(spin, wrt=("x", "angle"))(**POINT, dx=dx, dangle=dangle)
    np.testing.assert_allclose([*dy, dz], jacobian() @ [*dx, dangle], rtol=1e-13)
    _, (xbar, anglebar) = dl.vjp(spin, wrt=("x", "angle"))(*POINT.values(), (y, z))
    np.testing.assert_allclose([*xbar, anglebar], jacobian().T @ [*y, z], rtol=1e-13)


@pytest.mark.parametrize("backend", ["reference", "llvm"])
def test_a_tangent_with_a_loop_is_transposed(backend: str) -> None:
    """The rule integrates value and tangent together; y = sqrt(x) has the slope 1 / (2 y)."""
    text = """
fn root(x: real) -> real = sqrt(stop_grad(x))
rule jvp root(x, dx):
    var y = x
    var dy = dx
    while abs(y * y - x) > 1e-14 * x:
        dy = 0.5 * (dy + dx / y - x * dy / (y * y))
        y = 0.5 * (y + x / y)
    return dy
"""
    root = dl.loads(text).root.on(backend=backend)
    assert dl.jvp(root)(2.0, 1.0)[1] == pytest.approx(0.5 / np.sqrt(2), rel=1e-9)
    assert dl.grad(root)(2.0) == pytest.approx(0.5 / np.sqrt(2), rel=1e-9)


WRONG_COTANGENT = BODY + TANGENT + COTANGENT.replace("- sin(angle) * dot", "+ sin(angle) * dot")
WRONG_TANGENT = BODY + TANGENT.replace("- sin(angle) * x", "+ sin(angle) * x") + COTANGENT
USE = "fn f(x: real[n]) -> real = spin(x, 0.3 * x[1])[1] + sum(spin(x, x[0])[0])\n"


@pytest.mark.parametrize(("text", "wrong"), [(WRONG_COTANGENT, "vjp"), (WRONG_TANGENT, "jvp")])
def test_two_rules_that_disagree(text: str, wrong: str) -> None:
    """`check_grad` of a function that uses them names both places, and the one that is wrong."""
    with pytest.raises(dl.DiffLangError, match="E0514") as failure:
        dl.check_grad(dl.loads(text + USE).f, POINT["x"])
    diagnostic = failure.value.diagnostic
    lines = text.splitlines()
    assert diagnostic.span is not None
    assert lines[diagnostic.span.line - 1].startswith("rule jvp")
    assert lines[diagnostic.labels[0].span.line - 1].startswith("rule vjp")
    assert diagnostic.hint is not None and diagnostic.hint.endswith(f"correct the `rule {wrong}`.")


def test_the_pairs_of_the_library_agree() -> None:
    from difflang.agreement import disagreeing_rules
    from difflang.runtime.engine import Engine
    from difflang.runtime.sources import load_program

    library = Path(dl.__file__).parent.parent / "stdlib"
    assert disagreeing_rules(Engine(load_program(str(library / "fft.dl")), print)) == []


@pytest.mark.parametrize(
    "rule",
    [
        "rule jvp f(x, dx) = x + dx",
        "rule jvp f(x, dx) = cos(x)",
        "rule jvp f(x, dx) = dx if x > 0 else x",
        "rule vjp f(x, y, ybar) = ybar * cos(x) + 1",
    ],
)
@pytest.mark.parametrize("operator", ["grad", "jvp"])
def test_a_rule_with_a_part_that_is_no_multiple_of_the_direction_is_refused(rule, operator):
    module = dl.loads(f"fn f(x: real) -> real = sin(x)\n{rule}\nfn g(x: real) -> real = 2 * f(x)\n")
    with pytest.raises(dl.DiffLangError) as caught:
        getattr(dl, operator)(module.g)(*((0.3,) if operator == "grad" else (0.3, 1.0)))
    diagnostic = caught.value.diagnostic
    assert diagnostic.code == "E0510" and diagnostic.span.line == 3 and "of `f` is not linear" in diagnostic.message


@pytest.mark.parametrize(
    "rule",
    [
        "rule jvp f(x, dx) = cos(x) * dx + 0.0 * x",
        "rule jvp f(x, dx) = linalg.solve([[1 / cos(x)]], [dx])[0]",
        "rule jvp f(x, dx) = jvp(fn(t: real) = sin(t))(x, dx)[1]",
        "rule jvp f(x, dx) = dx * cos(x) if x > 0 else 0.0",
        "rule jvp f(x, dx) = concat([x], [dx])[1] * cos(x)",
        "rule vjp f(x, y, ybar) = sum([ybar, 0.0]) * cos(x)",
    ],
)
def test_linear_rules_of_every_form_are_taken(run, rule):
    text = f"import linalg\nfn f(x: real) -> real = sin(x)\n{rule}\nfn g(x: real) -> real = 2 * f(x)\n"
    assert run(text, "grad(g)", 0.3) == pytest.approx(2 * np.cos(0.3), rel=1e-12)
    assert run(text, "jvp(g)", 0.3, 1.0)[1] == pytest.approx(2 * np.cos(0.3), rel=1e-12)


def test_values_and_directions_may_share_an_array():
    """The tangent of a solution is integrated beside it: y' = y (1 - y), whose solution is logistic."""
    module = dl.loads(
        "import ode\n"
        "fn rate(t: real, y: real) -> real = y * (1.0 - y)\n"
        "fn end(x: real) -> real = ode.solve(rate, x, 0.0, 2.0, derivative = ode.adjoint(rtol = 1e-9, atol = 1e-11))\n"
    )
    grown, start = np.exp(2.0), 0.2
    slope = grown / (1 + start * (grown - 1)) ** 2
    assert dl.jvp(module.end)(start, 1.0)[1] == pytest.approx(slope, rel=1e-6)
