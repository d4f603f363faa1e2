"""Calls of the Python interface that make no sense: a code, a message and a way out, never a TypeError."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl

TEXT = """
fn loss(x: real[n], scale: real = 1.0) -> real = scale * sum(x * x)
fn twice(x: real[n]) -> real[n] = 2 * x
fn wave(t: real) -> real = sin(t)
fn constant(t: real = 2.0) -> real = t * t
extern fn measure(x: real) -> real
"""

MISTAKES = [
    ("E0902", lambda m: m.loss.on(foo=1), "`on` has no option `foo`. It has `backend`"),
    ("E0902", lambda m: m.loss.on(precison="f32"), "Did you mean `precision`?"),
    ("E0609", lambda m: m.loss.on("f32"), "by name, as in `on(backend=...)`"),
    ("E0902", lambda m: m.loss.on(backend=3), "is a text"),
    ("E0902", lambda m: m.loss.on(precision=32), "no precision"),
    ("E0902", lambda m: m.loss.on(check=5), '"5" is no check'),
    ("E0902", lambda m: m.loss.on(check=["nan", 3]), '"3" is no check'),
    ("E0902", lambda m: m.loss.on(threads="2"), "'2' is no number of threads"),
    ("E0902", lambda m: m.loss.on(deterministic="yes"), "True or False"),
    ("E0902", lambda m: m.loss.on(report=3), "a function of the figures"),
    ("E0902", lambda m: m.loss.emit(3), "is a text"),
    ("E0609", lambda m: m.loss.emit("opt", "core"), "takes one argument"),
    ("E0905", lambda m: m.loss.emit("tap"), "Did you mean `tape`?"),
    ("E0905", lambda m: m.loss.emit("machine"), "`tape`, `loops`, `llvm`, `asm`, `c`"),
    ("E0902", lambda _: dl.load(3), "is a path"),
    ("E0902", lambda _: dl.loads("", path=3), "is a text"),
    ("E0902", lambda _: dl.loads("", directory=3), "is a path"),
    ("E0601", lambda _: dl.loads(), "needs `text`"),
    ("E0609", lambda _: dl.load("a.dl", "b.dl"), "takes one argument"),
    ("E0601", lambda m: dl.ggn(m.twice), "needs `loss`"),
    ("E0902", lambda m: dl.grad(m.loss, wtr="x"), "Did you mean `wrt`?"),
    ("E0609", lambda m: dl.grad(m.loss, "scale", "x"), "takes 2 arguments"),
    ("E0609", lambda m: dl.grad(m.loss, function=m.loss), "given twice"),
    ("E0602", lambda m: dl.grad(m.loss, wrt=["x", 3]), "no parameter `3`"),
    ("E0602", lambda m: dl.grad(m.loss, wrt=["x", "x"]), "names `x` twice"),
    ("E0902", lambda m: dl.hessian(m.loss, sparse="yes"), "True or False, not 'yes'"),
    ("E0902", lambda m: dl.jacobian(m.twice, spares=True), "Did you mean `sparse`?"),
    ("E0608", lambda m: dl.checkpoint(m.loss, levels=0), "from 1 on"),
    ("E0902", lambda m: dl.derivative(m.wave, ordr=1), "Did you mean `order`?"),
    ("E0601", lambda m: dl.check_grad(m.loss), "needs the argument `x: real[n]`"),
    ("E0601", lambda m: dl.check_grad(m.constant), "needs the argument `t`, by which it differentiates"),
    ("E0601", lambda _: dl.check_grad(), "needs `function`"),
    ("E0612", lambda _: dl.check_grad(np.sin, 1.0), "given a ufunc"),
    ("E0902", lambda m: dl.check_grad(m.wave, 1.0, tolerance="a"), "is a number"),
    ("E0602", lambda m: dl.check_grad(m.wave, 1.0, wrt="q"), "no parameter `q`"),
    ("E0609", lambda m: dl.check_grad(m.wave, 1.0, 2.0), "takes 1 argument"),
    ("E0611", lambda m: m.bind(mesure=abs), "Did you mean `measure`?"),
    ("E0611", lambda m: m.bind(wave=abs), "with a body of its own"),
    ("E0611", lambda _: dl.loads("fn f() -> real = 1.0").bind(g=abs), "extern fn g(x: real) -> real"),
    ("E0609", lambda m: m.bind(abs), "as in `bind(name=...)`"),
    ("E0903", lambda m: m[3], "no function `3`"),
]


@pytest.mark.parametrize(("code", "call", "text"), MISTAKES)
def test_a_mistake_is_told(code, call, text):
    with pytest.raises(dl.DiffLangError) as caught:
        call(dl.loads(TEXT))
    assert caught.value.code == code
    assert caught.value.hint
    assert text in f"{caught.value.diagnostic.message} {caught.value.hint}"


def test_numpy_numbers_are_numbers():
    m = dl.loads(TEXT)
    assert dl.derivative(m.wave, order=np.int64(2))(0.5) == -np.sin(0.5)
    assert m.wave.on(threads=np.int32(1))(0.0) == 0


def test_type_errors_of_the_users_own_functions_pass_through():
    m = dl.loads("extern fn measure(x: real) -> real\nfn f(x: real) -> real = measure(x)")
    m.bind(measure=lambda: 1.0)
    with pytest.raises((TypeError, dl.DiffLangError), match="argument"):
        m.f.on(backend="reference")(1.0)


def test_externs_of_imported_files_are_bound(tmp_path):
    (tmp_path / "lab.dl").write_text("extern fn measure(x: real) -> real\n")
    (tmp_path / "tools.dl").write_text("import lab\nfn twice(x: real) -> real = 2 * lab.measure(x)\n")
    m = dl.loads("from tools import twice\nfn f(x: real) -> real = twice(x)", directory=tmp_path)
    assert m.bind(measure=lambda x: x + 1).f(3.0) == 8
    with pytest.raises(dl.DiffLangError, match="Did you mean `measure`"):
        m.bind(mesure=abs)


def test_a_parameter_is_named_once_in_programs():
    m = dl.loads("fn f(x: real, y: real) -> real = x * y\nfn main(a: real) = grad(f, wrt = (x, x))(a, a)")
    with pytest.raises(dl.DiffLangError, match="E0504: `wrt` names `x` twice"):
        m.main(2.0)


def test_externs_return_numbers_arrays_and_tuples():
    m = dl.loads(
        "extern fn one(x: real) -> real\nfn f(x: real) -> real = one(x)\n"
        "extern fn two(x: real) -> (real, real[2])\n"
        "fn g(x: real) -> real:\n    let (a, v) = two(x)\n    return a + sum(v)\n"
    )
    m.bind(one=lambda x: np.array(2 * x), two=lambda x: (np.array(x), [x, x]))
    assert (m.f(3.0), m.g(3.0)) == (6, 9)
    m.bind(two=lambda x: [x, [x, x]])
    with pytest.raises(dl.DiffLangError, match="E0611: The Python function bound to `two` returned what is no array"):
        m.g(3.0)
    m.bind(one=lambda x: 1j)
    with pytest.raises(dl.DiffLangError, match="complex128"):
        m.f(3.0)
