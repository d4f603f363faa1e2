"""Special functions against scipy.special, and their derivatives against mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

import difflang as dl

Load = Callable[[str], Any]

ONE_NUMBER = ["gamma", "logit", "entr", "sinc", "ndtr", "log_ndtr", "ndtri", "erfinv", "ellipk", "ellipe", "lambertw"]
TWO_NUMBERS = ["betaln", "beta", "logaddexp", "xlogy", "xlog1py", "rel_entr", "gammainc", "gammaincc"]
POLYNOMIALS = ["eval_legendre", "eval_chebyt", "eval_hermite"]
LINES = [
    "import special",
    *(f"fn {f}(x: real) -> real = special.{f}(x)" for f in ONE_NUMBER),
    *(f"fn {f}(a: real, b: real) -> real = special.{f}(a, b)" for f in TWO_NUMBERS),
    "fn betainc(a: real, b: real, x: real) -> real = special.betainc(a, b, x)",
    *(f"fn {f}(n: int, x: real) -> real = special.{f}(n, x)" for f in POLYNOMIALS),
]
PROGRAM = "\n".join(LINES)

ONE = {
    "gamma": [0.1, 0.5, 1.0, 4.5, 20.0, -0.5, -1.5, -2.3],
    "logit": [1e-12, 0.3, 0.999],
    "entr": [0.0, 0.2, 3.0, -1.0],
    "ndtr": [-30.0, -8.0, -1.0, 0.0, 2.0],
    "log_ndtr": [-1e4, -50.0, -20.5, -19.5, -5.0, 0.0, 3.0],
    "ndtri": [1e-300, 1e-20, 1e-3, 0.07, 0.3, 0.5, 0.9, 0.999999],
    "erfinv": [-0.999, -0.9, -0.2, 1e-10, 0.5, 0.86, 0.9999],
    "ellipk": [-3.0, 0.0, 0.5, 0.99],
    "ellipe": [-3.0, 0.0, 0.5, 0.99],
}
TWO = {
    "betaln": [(0.5, 2.0), (30.0, 4.0)],
    "beta": [(0.5, 2.0), (3.0, 4.0)],
    "logaddexp": [(1000.0, 1000.5), (-3.0, 2.0)],
    "xlogy": [(0.0, 0.0), (2.0, 3.0)],
    "xlog1py": [(0.0, -1.0), (2.0, 1e-12)],
    "rel_entr": [(0.0, 1.0), (0.2, 0.5), (1.0, 0.0)],
    "gammainc": [(0.5, 0.2), (0.5, 5.0), (3.0, 2.0), (50.0, 60.0), (2.0, 0.0)],
    "gammaincc": [(0.5, 0.2), (0.5, 5.0), (3.0, 2.0), (50.0, 90.0), (2.0, 0.0)],
}


@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_number(load: Load, name: str) -> None:
    function = getattr(load(PROGRAM), name)
    theirs = getattr(special, name)
    for x in ONE[name]:
        np.testing.assert_allclose(function(x), theirs(x), rtol=2e-13, err_msg=f"{name}({x})")


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_numbers(load: Load, name: str) -> None:
    function = getattr(load(PROGRAM), name)
    theirs = np.logaddexp if name == "logaddexp" else getattr(special, name)
    for arguments in TWO[name]:
        np.testing.assert_allclose(function(*arguments), theirs(*arguments), rtol=2e-13, err_msg=f"{name}{arguments}")


def test_the_rest(load: Load) -> None:
    module = load(PROGRAM)
    for a, b, x in [(2.0, 3.0, 0.4), (0.5, 0.5, 0.9), (30.0, 2.0, 0.95), (1.0, 1.0, 0.0), (1.0, 1.0, 1.0)]:
        np.testing.assert_allclose(module.betainc(a, b, x), special.betainc(a, b, x), rtol=1e-12)
    for x in (-0.3, -0.1, 0.0, 0.4, 1.0, 50.0):
        np.testing.assert_allclose(module.lambertw(x), special.lambertw(x).real, rtol=1e-13, atol=1e-15)
    for n in (0, 1, 2, 7):
        for name in POLYNOMIALS:
            np.testing.assert_allclose(getattr(module, name)(n, 0.37), getattr(special, name)(n, 0.37), rtol=1e-12)
    np.testing.assert_allclose(
        [module.sinc(x) for x in (0.0, 1e-5, 0.5, 3.2)], np.sinc([0.0, 1e-5, 0.5, 3.2]), rtol=1e-13
    )


DERIVATIVES: list[tuple[str, tuple[float, ...], Callable[..., Any]]] = [
    ("gamma", (-1.5,), mpmath.gamma),
    ("ndtri", (0.01,), lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)),
    ("erfinv", (0.93,), mpmath.erfinv),
    ("log_ndtr", (-25.0,), lambda x: mpmath.log(mpmath.ncdf(x))),
    ("sinc", (0.00002,), mpmath.sincpi),
    ("ellipk", (0.4,), mpmath.ellipk),
    ("ellipe", (0.4,), mpmath.ellipe),
    ("lambertw", (0.7,), mpmath.lambertw),
    ("gammainc", (2.5, 1.7), lambda a, x: mpmath.gammainc(a, 0, x, regularized=True)),
    ("gammainc", (2.5, 9.0), lambda a, x: mpmath.gammainc(a, 0, x, regularized=True)),
    ("beta", (2.5, 1.7), mpmath.beta),
    ("xlogy", (0.0, 2.0), lambda x, y: x * mpmath.log(y)),
    ("xlog1py", (0.0, -0.5), lambda x, y: x * mpmath.log1p(y)),
    ("betainc", (2.0, 3.5, 0.3), lambda a, b, x: mpmath.betainc(a, b, 0, x, regularized=True)),
]


@pytest.mark.parametrize(("name", "at", "oracle"), DERIVATIVES, ids=lambda v: v if isinstance(v, str) else None)
def test_derivatives_in_every_argument(load: Load, name: str, at: tuple[float, ...], oracle: Any) -> None:
    function = getattr(load(PROGRAM), name)
    for k, parameter in enumerate(p.name for p in function.signature.parameters):
        order = tuple(int(j == k) for j in range(len(at)))
        with mpmath.workdps(40):
            expected = float(mpmath.diff(oracle, at, order).real)
        ours = float(dl.grad(function, wrt=parameter)(*at))
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-13, err_msg=f"{name}, {parameter}")


@pytest.mark.parametrize("x", [0.0, 0.02, 0.499, 0.51])
def test_the_series_of_sinc(load: Load, x: float) -> None:
    """To order 10, at the joint of its two formulas and in the middle of the first."""
    with mpmath.workdps(40):
        expected = [float(c) for c in mpmath.taylor(mpmath.sincpi, mpmath.mpf(x), 10)]
    np.testing.assert_allclose(dl.jet(load(PROGRAM).sinc, order=10)(x, 1.0), expected, rtol=1e-12, atol=1e-12)


def test_logaddexp_is_smooth_where_both_are_equal(load: Load) -> None:
    """The Hessian is s (1 - s) [[1, -1], [-1, 1]] with s = sigmoid(a - b)."""
    hessian = dl.hessian(load(PROGRAM).logaddexp, wrt=("a", "b"))(1.5, 1.5)
    np.testing.assert_allclose(hessian, [[0.25, -0.25], [-0.25, 0.25]], rtol=1e-14)


EDGES_OF_ONE = {
    "gamma": [-5.0, -1.0, -30.0, np.inf, -np.inf],
    "entr": [-np.inf, -1e-300, np.inf],
    "log_ndtr": [8.0, 20.0, 37.0],
    "ndtri": [-0.1, 0.0, 1.0, 1.1],
    "erfinv": [-1.1, -1.0, 1.0, 2.0],
    "ellipk": [1.0, 1.5, -1e10, -1e300],
    "ellipe": [1.0, 1.5, -1e10],
    "lambertw": [-1.0, -0.5, -0.3679, -1e300, -0.36787, 0.0, 1e300, np.inf],
}
EDGES_OF_TWO = [
    (-1.0, 0.5), (0.0, 0.0), (0.0, 0.5), (0.5, 0.0), (0.5, -1.0), (2.5, 40.0), (0.0, np.inf), (1e10, 1e-300),
    (2.5, np.nan), (np.nan, 2.5), (0.0, np.nan),
]  # fmt: skip


@pytest.mark.parametrize("name", EDGES_OF_ONE)
def test_outside_of_the_domain_and_at_its_edges(load: Load, name: str) -> None:
    function, oracle = getattr(load(PROGRAM), name), getattr(special, name)
    for x in [*EDGES_OF_ONE[name], np.nan]:
        expected = oracle(x)
        np.testing.assert_allclose(function(x), expected if np.imag(expected) == 0 else np.nan, rtol=1e-12)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py", "rel_entr", "gammainc", "gammaincc"])
def test_outside_of_the_domain_of_two_numbers(load: Load, name: str) -> None:
    function, oracle = getattr(load(PROGRAM), name), getattr(special, name)
    for a, b in EDGES_OF_TWO:
        np.testing.assert_allclose(function(a, b), oracle(a, b), rtol=1e-12, err_msg=f"{a} {b}")


def test_what_is_not_known_is_nan_or_refused(load: Load) -> None:
    module = load(PROGRAM)
    for a, b, x in [(-1.0, 1.0, 0.5), (1.0, -0.3, 0.5), (1.0, 2.0, -0.1), (1.0, 2.0, 1.1), (1.0, 2.0, np.nan)]:
        assert np.isnan(module.betainc(a, b, x)) and np.isnan(special.betainc(a, b, x))
    # The series would need more than its ten thousand terms.
    assert np.isnan(module.gammainc(1e10, 1e10))
    for name in POLYNOMIALS:
        with pytest.raises(dl.DiffLangError, match="the degree of a polynomial is 0 or more"):
            getattr(module, name)(-1, 0.5)
