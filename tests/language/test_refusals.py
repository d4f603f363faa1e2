"""Every program that cannot be differentiated correctly: refused with a code, the place and a hint; and the way out.

Each refusal is a program with what is wrong between `«` and `»`, the place that the message must point at, and the
pieces that replace it: what the hint proposes. The mended program gives the value that is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import difflang as dl

EXPLAIN = Path(dl.__file__).parent / "diagnostics" / "explain"
AT_RUN_TIME = {"E0805", "E0812", "E0813"}
"""Codes of running programs that derivatives raise too."""


@dataclass(frozen=True)
class Refusal:
    """`main` is called with `args`; `mended` are the ways out, each with the same result."""

    code: str
    text: str
    mended: tuple[str, ...]
    args: tuple[Any, ...]
    result: Any
    place: str = ""

    def program(self, choice: str | None = None) -> str:
        """The program with what is wrong, or with a way out in its place."""
        return re.sub("«(.*?)»", lambda found: found[1] if choice is None else choice, self.text, flags=re.DOTALL)

    @property
    def line(self) -> int:
        """The line that the message must name: that of `place`, or of what is wrong."""
        start = self.text.index(self.place) if self.place else self.text.index("«")
        return self.text[:start].count("\n") + 1


X = np.array([0.5, 2.0, 3.0])
EYE = np.eye(2)

REFUSALS = {
    "an extern function without a rule": Refusal(
        "E0501",
        "extern fn measure(x: real) -> real\n«»fn f(x: real) -> real = measure(x) * x\nfn main(x: real) = grad(f)(x)\n",
        ("rule jvp measure(x, dx) = 2.0 * x * dx\n", "rule vjp measure(x, y, ybar) = 2.0 * x * ybar\n"),
        (3.0,),
        27.0,
        "measure(x) * x",
    ),
    "an extern function that should be a constant": Refusal(
        "E0501",
        "extern fn measure(x: real) -> real\nfn f(x: real) -> real = «measure(x)» * x\nfn main(x: real) = grad(f)(x)\n",
        ("stop_grad(measure(x))",),
        (3.0,),
        9.0,
    ),
    "a gradient of an array": Refusal(
        "E0502",
        "fn f(x: real[n]) -> real[n] = x * x\nfn main(x: real[n]) = «grad(f)(x)»\n",
        ("jacobian(f)(x)", "[vjp(f)(x, [1.0 if i == j else 0.0 for j in 0..n])[1][k] for i in 0..n, k in 0..n]"),
        (X,),
        np.diag(2 * X),
    ),
    "a derivative by an integer": Refusal(
        "E0503",
        "fn f(k: int, x: real) -> real = x ** k\nfn main(k: int, x: real) = «grad(f)»(k, x)\n",
        ("grad(f, wrt = x)",),
        (3, 2.0),
        12.0,
    ),
    "a name that is no parameter": Refusal(
        "E0504",
        "fn f(w: real, x: real) -> real = w * w * x\nfn main(w: real, x: real) = grad(f, wrt = «weight»)(w, x)\n",
        ("w",),
        (3.0, 2.0),
        12.0,
    ),
    "a Jacobian by a struct": Refusal(
        "E0505",
        "struct P: a: real; b: real\nfn f(p: P) -> real = p.a * p.b\n"
        "fn main(a: real, b: real) = «jacobian(f)(P(a = a, b = b)).a»\n",
        ("grad(f)(P(a = a, b = b)).a",),
        (3.0, 2.0),
        2.0,
    ),
    "a derivative of a value": Refusal(
        "E0506",
        "fn f(x: real) -> real = x * x\nfn main(x: real) = «grad(f(x))»\n",
        ("grad(f)(x)",),
        (3.0,),
        6.0,
    ),
    "an order that is computed": Refusal(
        "E0507",
        "const three = 3\nfn f(x: real) -> real = x ** 4\nfn main(x: real, k: int) = derivative(f, order = «k»)(x)\n",
        ("three", "3"),
        (2.0, 3),
        48.0,
    ),
    "a rule that is not linear, transposed": Refusal(
        "E0510",
        "fn f(x: real) -> real = x ** 3\nrule jvp f(x, dx) = 3.0 * x ** 2 * dx«* dx»\nfn main(x: real) = grad(f)(x)\n",
        ("", "\nrule vjp f(x, y, ybar) = 3.0 * x ** 2 * ybar"),
        (2.0,),
        12.0,
        "grad(f)(x)",
    ),
    "a rule with other parameters": Refusal(
        "E0511",
        "fn f(x: real) -> real = x ** 3\n«rule jvp f(x) = 3.0 * x ** 2»\nfn main(x: real) = grad(f)(x)\n",
        ("rule jvp f(x, dx) = 3.0 * x ** 2 * dx",),
        (2.0,),
        12.0,
    ),
    "unknowns without a condition": Refusal(
        "E0512",
        "implicit fn «point(a: real) -> (x: real, y: real):\n    where x + y == a»\n    return (0.75 * a, 0.25 * a)\n"
        "fn main(a: real) = grad(fn(a: real) = point(a)[0])(a)\n",
        ("point(a: real) -> (x: real, y: real):\n    where x + y == a\n    where x - y == 0.5 * a",),
        (2.0,),
        0.75,
    ),
    "what a rule does not speak of": Refusal(
        "E0513",
        "fn twice(f: fn(real) -> real, x: real) -> real = f(f(x))\n"
        "«rule jvp twice(f, x, dx) = 4.0 * dx»\n"
        "fn main(a: real) = grad(fn(a: real) = twice(fn(t: real) = a * t, 1.0))(a)\n",
        ("",),
        (3.0,),
        6.0,
        "fn(a: real)",
    ),
    "an LU factorisation that is singular": Refusal(
        "E0805",
        "import linalg\nfn f(a: real[n, n]) -> real = «prod(linalg.lu(a)[2][i, i] for i in 0..n)»\n"
        "fn main(a: real[n, n]) = grad(f)(a)\n",
        ("linalg.det(a)",),
        (np.array([[1.0, 2.0], [2.0, 4.0]]),),
        np.array([[4.0, -2.0], [-2.0, 1.0]]),
    ),
    "a budget below one state": Refusal(
        "E0812",
        "fn f(x: real[n]) -> real:\n    var y = x\n    for t in 0..50:\n        y = 0.9 * flip(y)\n    return sum(y)\n"
        'fn main(x: real[n]) = grad(f, memory = "«1 B»")(x)\n',
        ("1 kB", "1 MB"),
        (X,),
        np.full(3, 0.9**50),
        "for t",
    ),
    "eigenvectors of equal eigenvalues": Refusal(
        "E0813",
        "import linalg\n«fn root(a: real[n, n]) -> real[n, n]:\n    let (w, v) = linalg.eigh(a)\n"
        "    return [v[i, k] * sqrt(w[k]) for i in 0..n, k in 0..n] @ v.T»\n"
        "fn main(a: real[n, n], da: real[n, n]) = jvp(root)(a, da)[1]\n",
        ("fn root(a: real[n, n]) -> real[n, n] = linalg.sqrtm(a)",),
        (4 * EYE, np.ones((2, 2))),
        np.full((2, 2), 0.25),
        "linalg.eigh",
    ),
}
BACKENDS = ("reference", "llvm")


def called(refusal: Refusal, text: str, backend: str) -> Any:
    module = dl.loads(text)
    if "extern fn" in text:
        module.bind(measure=np.square)
    return module.main.on(backend=backend)(*refusal.args)


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_it_is_refused_with_a_place_and_a_way_out(name: str, backend: str) -> None:
    refusal = REFUSALS[name]
    with pytest.raises(dl.DiffLangError) as caught:
        called(refusal, refusal.program(), backend)
    diagnostic = caught.value.diagnostic
    assert diagnostic.code == refusal.code
    assert diagnostic.hint
    places = [span.line for span in (diagnostic.span, *(label.span for label in diagnostic.labels)) if span]
    assert refusal.line in places, str(caught.value)


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_way_out_is_right(name: str, backend: str) -> None:
    refusal = REFUSALS[name]
    for choice in refusal.mended:
        found = called(refusal, refusal.program(choice), backend)
        np.testing.assert_allclose(found, refusal.result, rtol=1e-12, atol=1e-13, err_msg=choice)


def test_every_code_of_derivatives_is_here() -> None:
    """But for E0514, which compares rules: see test_rules."""
    known = {page.stem for page in EXPLAIN.glob("E05*.md")} | AT_RUN_TIME
    assert {refusal.code for refusal in REFUSALS.values()} | {"E0514"} == known


def test_a_condition_that_is_not_met_is_told() -> None:
    """As a warning; the way out is to return what meets the condition."""
    text = (
        "implicit fn root(a: real) -> w: real:\n    where w * w == a\n    return 1.0\n"
        "fn main(a: real) = grad(root)(a)\n"
    )
    with pytest.warns(dl.DiffLangWarning, match="W0811"):
        dl.loads(text).main(2.0)
    mended = text.replace("return 1.0", "return sqrt(a)")
    assert dl.loads(mended).main(4.0) == pytest.approx(0.25)
