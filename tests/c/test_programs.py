"""Programs through the C backend: the stage, gradients, factorisations, loops that grow."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import difflang as dl

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def test_the_stage_reads_like_c() -> None:
    text = dl.loads("fn f(x: real[n]) -> real = sum(exp(x[i]) for i)").f.emit("c")
    assert "int32_t f(dl_state *state, int64_t n, const double *restrict x, double *restrict result)" in text
    assert "exp(" in text and "#include <math.h>" in text


def test_names_that_c_keeps_for_itself() -> None:
    source = dl.loads("fn double(register: real, log: real) -> real = exp(register) + log").double.emit("c")
    assert "int32_t double_(dl_state *state, double register_, double log_, double *restrict result)" in source


@needs_compiler
def test_a_gradient_through_a_growing_loop() -> None:
    text = """
fn root(a: real) -> real:
    var x = 0.5 * (1 + a)
    while abs(x * x - a) > 1e-12 * a:
        x = 0.5 * (x + a / x)
    return x
"""
    gradient = dl.grad(dl.loads(text).root.on(backend="c"))
    assert gradient(9.0) == pytest.approx(1 / 6, rel=1e-10)


def matrix(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(rows * 10 + columns).normal(size=(rows, columns))


@needs_compiler
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (4, 4), (7, 3), (3, 7), (30, 12)])
def test_factorisations_of_matrices_of_any_shape(rows: int, columns: int) -> None:
    module = dl.loads("import linalg\nfn q(a: real[n, m]) = linalg.qr(a)\nfn s(a: real[n, m]) = linalg.svd(a)\n")
    a = matrix(rows, columns)
    q, r = module.q.on(backend="c")(a)
    np.testing.assert_allclose(q @ r, a, atol=1e-12)
    np.testing.assert_allclose(q.T @ q, np.eye(min(rows, columns)), atol=1e-12)
    u, s, vt = module.s.on(backend="c")(a)
    np.testing.assert_allclose(s, np.linalg.svd(a)[1], rtol=1e-12)
    np.testing.assert_allclose(u * s @ vt, a, atol=1e-12)


@needs_compiler
def test_singular_values_that_vanish_have_vectors_too() -> None:
    module = dl.loads("import linalg\nfn s(a: real[n, m]) = linalg.svd(a)\n")
    a = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 2.0])
    u, s, vt = module.s.on(backend="c")(a)
    np.testing.assert_allclose(s, [np.linalg.norm(a), 0, 0], atol=1e-14)
    np.testing.assert_allclose(u.T @ u, np.eye(3), atol=1e-13)
    np.testing.assert_allclose(u * s @ vt, a, atol=1e-13)


@needs_compiler
@pytest.mark.parametrize("size", [1, 2, 9, 25])
def test_eigenvalues(size: int) -> None:
    module = dl.loads("import linalg\nfn e(a: real[n, n]) = linalg.eigh(a)\n")
    a = matrix(size, size)
    a = a + a.T
    w, v = module.e.on(backend="c")(a)
    np.testing.assert_allclose(w, np.linalg.eigvalsh(a), atol=1e-11)
    np.testing.assert_allclose(v * w @ v.T, a, atol=1e-11)


@needs_compiler
def test_single_precision() -> None:
    module = dl.loads("import linalg\nfn f(a: real[n, n], b: real[n]) -> real = sum(linalg.solve(a, b))")
    a = (matrix(5, 5) + 5 * np.eye(5)).astype("float32")
    found = module.f.on(backend="c", precision="f32")(a, np.ones(5, "float32"))
    assert found == pytest.approx(np.linalg.solve(a, np.ones(5)).sum(), rel=1e-5)


def test_without_a_compiler_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no_such_compiler")
    with pytest.raises(dl.DiffLangError, match="no_such_compiler is not found"):
        dl.loads("fn f(x: real) -> real = x").f.on(backend="c")(1.0)


def test_loops_begin_where_they_say() -> None:
    from difflang_c.generate import generate

    from difflang.core.ir import Literal
    from difflang.loops import ir

    x = ir.Array("f64", (Literal(9, "i64"),), "x")
    index = ir.Register("i64", "i")
    body = (ir.Store(x, (index,), Literal(1.0, "f64")),)
    for reverse, head in ((False, "i_0 = 2; i_0 < 7; i_0++"), (True, "i_0 = 7 - 1; i_0 >= 2; i_0--")):
        loop = ir.For(index, Literal(7, "i64"), body, reverse=reverse, start=Literal(2, "i64"))
        text = generate(ir.Program("f", (), (ir.Result(x, True),), (loop,))).text
        assert f"for (int64_t {head})" in text
