"""Taylor coefficients along a curve, from Python: against mpmath's series, and by the names of the arguments."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import difflang as dl

TEXT = """struct P: w: real[2]; b: real

fn f(x: real) -> real = sin(x) * exp(x)
fn g(x: real[n], y: real, x_0: int = 2) -> real = sum(exp(x * y)) * real(x_0)
fn h(p: P, s: real) -> real = s * p.b * p.w[0] * p.w[1]
"""


@pytest.fixture(scope="module")
def module():
    return dl.loads(TEXT)


def series(function, *curves):
    """The Taylor coefficients of a function of curves in t, as many as the curves have."""
    with mpmath.workdps(40):

        def along(t):
            return function(*(mpmath.polyval([mpmath.mpf(c) for c in reversed(curve)], t) for curve in curves))

        return [float(c) for c in mpmath.taylor(along, 0, len(curves[0]) - 1)]


@pytest.mark.parametrize("count", range(1, 7))
def test_a_curve_of_numbers(module, count):
    curve = (0.3, 1.0, -0.5, 0.25, 2.0, -1.0)[:count]
    found = dl.jet(module.f)(curve)
    assert len(found) == count
    np.testing.assert_allclose(found, series(lambda x: mpmath.sin(x) * mpmath.exp(x), curve), rtol=1e-13)


def test_a_curve_of_arrays_and_the_other_arguments(module):
    first, second = (0.1, 0.5, 0.2), (-0.4, 1.0, 0.0)
    curve = [np.array(c) for c in zip(first, second, strict=True)]
    expected = series(lambda a, b: mpmath.exp(1.5 * a) + mpmath.exp(1.5 * b), first, second)
    jet = dl.jet(module.g)
    np.testing.assert_allclose(jet(curve, 1.5), 2 * np.array(expected), rtol=1e-13)
    np.testing.assert_allclose(jet(curve, 1.5, 3), 3 * np.array(expected), rtol=1e-13)
    np.testing.assert_allclose(jet(curve, y=1.5, x_0=1), expected, rtol=1e-13)


def test_a_curve_of_structs_through_a_gradient(module):
    start, moving = {"w": np.array([1.0, 2.0]), "b": 3.0}, {"w": np.array([1.0, 0.0]), "b": 0.0}
    value, slope = dl.jet(dl.grad(module.h))((start, moving), 2.0)
    assert (list(value.w), value.b) == ([12, 6], 4)
    assert (list(slope.w), slope.b) == ([0, 6], 4)


@pytest.mark.parametrize("given", [0.5, np.ones(2), (), "ab"])
def test_what_is_no_curve(module, given):
    with pytest.raises(dl.DiffLangError) as caught:
        dl.jet(module.f)(given)
    assert caught.value.code == "E0507"


def test_mistakes(module):
    for call in (
        lambda: dl.jet(module.f, wrt="x"),
        lambda: dl.jet(module.f)((0.1, 1.0), 2.0),
        lambda: dl.jet(module.g)((np.ones(2), np.ones(3)), 1.0),
        lambda: dl.jet(module.g)((np.ones(2),), 1.0, z=1.0),
        lambda: dl.jet(module.g)((np.ones(2),)),
        lambda: dl.jet(lambda x: x),
    ):
        with pytest.raises(dl.DiffLangError):
            call()
