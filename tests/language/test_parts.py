"""Derivatives by parts of parameters: parts of the whole derivative, made of nothing that has the whole's size."""

from __future__ import annotations

import re

import numpy as np
import pytest

import difflang as dl

BODIES = {
    "neighbours": "= sum(sin(x[i]) * x[(i+1) % n]**2 for i in 0..n)",
    "as a whole": "= dot(x, x) + sum(x**3) + x[2] * x[n-1]",
    "views": """:
    let y = x[1:n]
    let z = reshape(x, (2, n // 2))
    return sum(y[i]**2 * y[i+1] for i in 0..n-2) + sum(z[1, j] * z[0, j]**2 for j in 0..n//2)""",
    "products": """:
    let a = [[sin(i * j + 1.0) for j in 0..n] for i in 0..4]
    let y = tanh(a @ x)
    return dot(y, y) + (x @ x)**2""",
    "one after the other": """:
    var s = 1.0
    for i in 0..n:
        s = sin(s * x[i]) + x[i]**2
    return s""",
    "carried": """:
    var y = x
    for i in 1..n:
        y[i] = y[i] * y[i-1] + x[i]
    return sum(y**2)""",
    "until": """:
    var s = 0.5
    var k = 0
    while k < n and s < 3.0:
        s += x[k]**2
        k += 1
    return s**2""",
    "branches": "= sum((x[i]**2 if x[i] > 0.8 else x[n-1-i]**3) for i in 0..n)",
    "sorted": ":\n    let s = sort(x)\n    return sum(s[i] * (i + 1)**2 for i in 0..n)",
}
PARTS = {
    "x[2:5]": slice(2, 5),
    "x[at]": np.array([7, 0, 3]),
    "x[3]": 3,
    "x[-2:]": slice(-2, None),
    "x[4:4]": slice(4, 4),
}
AT = np.array([7, 0, 3])
X = np.linspace(0.4, 1.3, 8)


@pytest.fixture
def backend(run):
    return run.backend


def with_body(name, backend="llvm"):
    return dl.loads(f"fn f(x: real[n], at: int[m]) -> real {BODIES[name]}").f.on(backend=backend)


@pytest.mark.parametrize("name", BODIES)
def test_gradients(name, backend):
    f = with_body(name, backend)
    whole = dl.grad(f)(X, AT)
    for part, place in PARTS.items() if backend == "reference" else [("x[at]", AT)]:
        np.testing.assert_allclose(dl.grad(f, wrt=part)(X, AT), whole[place], rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("part", ["x[2:5]", "x[at]"])
@pytest.mark.parametrize("name", ["neighbours", "views", "products", "one after the other"])
def test_every_operator(name, part):
    f, place = with_body(name, "reference"), PARTS[part]
    gradient, hessian = dl.grad(f)(X, AT), dl.hessian(f)(X, AT)
    v = np.array([0.3, -1.0, 2.0])
    whole = np.zeros(8)
    whole[place] = v
    block = hessian[np.arange(8)[place]][:, np.arange(8)[place]]

    def close(found, expected):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)

    value, found = dl.value_and_grad(f, wrt=part)(X, AT)
    close(value, f(X, AT))
    close(found, gradient[place])
    close(dl.jvp(f, wrt=part)(X, AT, v), (f(X, AT), gradient[place] @ v))
    close(dl.vjp(f, wrt=part)(X, AT, 2.0)[1], 2 * gradient[place])
    close(dl.jacobian(f, wrt=part)(X, AT), gradient[place])
    close(dl.hessian(f, wrt=part)(X, AT), block)
    close(dl.hvp(f, wrt=part)(X, AT, v), block @ v)
    close(dl.jet(f, order=3, wrt=part)(X, AT, v), dl.jet(f, order=3)(X, AT, whole))
    close(dl.hessian(f, wrt=part, sparse=True)(X, AT).toarray(), block)


MATRIX = """
fn loss(w: real[k, d], x: real[n, d], y: real[n, k], at: int[m]) -> real = sum((x @ w.T - y)**2)
fn columns(w: real[k, d], x: real[n, d], y: real[n, k], at: int[m]) -> real[k, 2]:
    return grad(loss, wrt = w[:, 1:3])(w, x, y, at)
"""


def test_parts_of_a_matrix(backend):
    """dL/dW = 2 (X W' - Y)' X."""
    random = np.random.default_rng(2)
    w, x, y = (random.standard_normal(shape) for shape in ((4, 5), (7, 5), (7, 4)))
    at = np.array([3, 1])
    expected = 2 * (x @ w.T - y).T @ x
    m = dl.loads(MATRIX)
    np.testing.assert_allclose(m.columns.on(backend=backend)(w, x, y, at), expected[:, 1:3], rtol=1e-13)
    loss = m.loss.on(backend=backend)
    places = {"w[2]": 2, "w[at]": at, "w[1:3, 2]": np.s_[1:3, 2], "w[0, -1]": (0, -1), "w[:, 4]": np.s_[:, 4]}
    for part, place in places.items():
        np.testing.assert_allclose(dl.grad(loss, wrt=part)(w, x, y, at), expected[place], rtol=1e-13)


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ("w[:, at]", np.ix_(range(4), [3, 1])),
        ("w[at, 1:4]", np.ix_([3, 1], [1, 2, 3])),
        ("w[at, at]", np.ix_([3, 1], [3, 1])),
        ("w[at, -1]", ([3, 1], 4)),
        ("w[2, at]", (2, [3, 1])),
    ],
)
def test_listed_places_on_any_axis(part, place, backend):
    """dL/dW = 2 (X W' - Y)' X, and along a direction V by that part dL = <dL/dW, V>."""
    random = np.random.default_rng(3)
    w, x, y = (random.standard_normal(shape) for shape in ((4, 5), (7, 5), (7, 4)))
    at = np.array([3, 1])
    expected = (2 * (x @ w.T - y).T @ x)[place]
    loss = dl.loads(MATRIX).loss.on(backend=backend)
    np.testing.assert_allclose(dl.grad(loss, wrt=part)(w, x, y, at), expected, rtol=1e-13)
    v = random.standard_normal(expected.shape)
    np.testing.assert_allclose(dl.jvp(loss, wrt=part)(w, x, y, at, v)[1], (expected * v).sum(), rtol=1e-12)


def test_listed_places_are_checked_on_their_axis():
    loss = dl.loads(MATRIX).loss
    w, x, y = np.ones((4, 5)), np.ones((7, 5)), np.ones((7, 4))
    for part, at in (("w[:, at]", [5, 1]), ("w[at]", [4, 1]), ("w[2, at]", [1, 1]), ("w[at, 0]", [-1, 2])):
        with pytest.raises(dl.DiffLangError) as caught:
            dl.grad(loss, wrt=part)(w, x, y, np.array(at))
        assert caught.value.code == "E0801"
    assert dl.grad(loss, wrt="w[:, at]")(w, x, y, np.array([4, 0])).shape == (4, 2)


def test_several_parameters_and_names_of_the_program(backend):
    text = """
fn f(x: real[n], b: real, k: int) -> real = sum(x[i]**2 * b for i in 0..n)
fn g(x: real[n], first: int):
    let last = first + 2
    return grad(f, wrt = (x[first:last], b))(x, 3.0, 0)
"""
    m = dl.loads(text)
    part, slope = m.g.on(backend=backend)(X, 1)
    np.testing.assert_allclose(part, 6 * X[1:3], rtol=1e-15)
    assert slope == pytest.approx(X @ X, rel=1e-14)
    found = dl.grad(m.f.on(backend=backend), wrt="x[k]")(X, 3.0, 5)
    assert found == pytest.approx(6 * X[5], rel=1e-15)


REALS = re.compile(r"(\w+): f64\[(.*?)\] = allocate|result (\w+): f64\[(.*?)\]")


@pytest.mark.parametrize("part", ["x[2:5]", "x[at]", "x[3]"])
@pytest.mark.parametrize("name", ["neighbours", "one after the other"])
def test_the_adjoint_has_nothing_of_the_size_of_the_parameter(name, part):
    """What the loops of the gradient take is read from their program: one array of numbers is as long as the part."""
    text = dl.grad(with_body(name), wrt=part).emit("loops")
    found = [shape for match in REALS.findall(text) for shape in (match[1] or match[3],) if shape]
    saved = [s for s in found if s not in ("m", "3")]
    assert saved in ([], ["n"]) if name == "one after the other" else saved == []
    whole = dl.grad(with_body(name)).emit("loops")
    assert any(match[3] == "n" for match in REALS.findall(whole))


def test_columns_of_a_matrix_take_no_cotangent_of_its_size():
    """The products with the old matrix are made of nothing but the columns asked for."""
    shapes = [match[1] or match[3] for match in REALS.findall(dl.loads(MATRIX).columns.emit("loops"))]
    assert "k, d" not in shapes and "d, k" not in shapes


REFUSED = {
    "x[0:2], wrt of a scalar": ("fn f(b: real) -> real = b * b", "b[0]", "E0504"),
    "too many subscripts": ("fn f(b: real[n]) -> real = sum(b)", "b[0, 1]", "E0306"),
    "a real subscript": ("fn f(b: real[n]) -> real = sum(b)", "b[0.5]", "E0306"),
    "a subscript nobody knows": ("fn f(b: real[n]) -> real = sum(b)", "b[j]", "E0201"),
    "whole numbers": ("fn f(b: int[n]) -> real = 1.0 * sum(b)", "b[0]", "E0503"),
    "another name": ("fn f(b: real[n]) -> real = sum(b)", "c[0]", "E0602"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    text, part, code = REFUSED[name]
    with pytest.raises(dl.DiffLangError) as caught:
        dl.grad(dl.loads(text).f, wrt=part)(np.ones(3))
    assert caught.value.code == code


@pytest.mark.parametrize("at", [[0, 0], [0, 8], [-1, 0]])
def test_places_are_distinct_and_in_range(at, backend):
    f = with_body("branches", backend)
    with pytest.raises(dl.DiffLangError) as caught:
        dl.grad(f, wrt="x[at]")(X, np.array(at))
    assert caught.value.code == "E0801"
    for part in ("x[3:9]", "x[8]"):
        with pytest.raises(dl.DiffLangError) as caught:
            dl.grad(f, wrt=part)(X, AT)
        assert caught.value.code == "E0801"


@pytest.mark.parametrize("part", ["x[n - 1]", "x[n-2:n]", "x[n - k:]"])
def test_sizes_of_the_function_name_a_part(part: str) -> None:
    """Asked for from Python, where no other `n` is in scope; a derivative of the function has its sizes too."""
    m = dl.loads("fn f(x: real[n], k: int) -> real = sum(x * x * x) / k")
    x = np.arange(1.0, 5.0)
    chosen = x[-1] if part == "x[n - 1]" else x[-2:]
    by_part = dl.grad(m.f.on(backend="reference"), wrt=part)
    np.testing.assert_allclose(by_part(x, 2), 3 * chosen**2 / 2, rtol=1e-15)
    if part == "x[n - 1]":
        np.testing.assert_allclose(dl.grad(by_part, wrt=part)(x, 2), 3 * chosen, rtol=1e-15)
