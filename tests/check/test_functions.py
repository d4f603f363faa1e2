"""Functions: closures, generics, overloads, recursion, modules, constants and data."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl
from difflang.check import loads
from difflang.diagnostics.model import DiffLangError
from tests.check.conftest import refusal


def test_functions_are_passed_returned_and_held(run):
    text = """
struct Method[F]:
    step: F
    rate: real
fn compose(f: fn(real) -> real, g: fn(real) -> real) -> fn(real) -> real = fn(x) = f(g(x))
fn times(k: real) = fn(x: real) = k * x
fn main(x: real) -> real:
    let m = Method(step = compose(sin, times(2)), rate = 0.5)
    return m.rate * m.step(x)
"""
    assert run(text, "main", 0.3) == 0.5 * np.sin(0.6)


def test_generic_functions_take_any_vector_type(run):
    text = """
struct P[n]:
    w: real[n]
    b: real
fn step[T](x: T, g: T, lr: real) -> T = x - lr * g
fn main(w: real[n]) -> (real, real, real):
    let p = step(P(w, 1), P(w, 2), 0.5)
    let (a, b) = step((1.0, w), (4.0, w), 0.25)
    return (sum(p.w), p.b, a + sum(b))
"""
    assert run(text, "main", np.array([2.0, 4.0])) == (3, 0, 0 + 4.5)


def test_overloads_by_rank_type_and_count(run):
    text = """
fn size(x: real) -> real = abs(x)
fn size(x: real[n]) -> real = norm(x)
fn size(x: real[n, m]) -> real = 100
fn size(x: real[n], weight: real) -> real = weight * size(x)
fn main(x: real[n]) -> real = size(-2) + size(x) + size([x, x]) + size(x, 10)
"""
    assert run(text, "main", np.array([3.0, 4.0])) == 2 + 5 + 100 + 50


def test_defaults_may_use_sizes_and_earlier_parameters(run):
    text = """
fn f(x: real[n], k: int = n - 1, y: real = x[k]) -> real = y
fn main(x: real[n]) -> real = f(x) + 100 * f(x, k = 0)
"""
    assert run(text, "main", np.array([1.0, 2.0, 3.0])) == 103


def test_named_arguments_in_any_order(run):
    text = (
        "fn f(a: real, b: real, c: real = 5) -> real = a + 10 * b + 100 * c\nfn main(x: real) -> real = f(b = 2, a = x)"
    )
    assert run(text, "main", 1.0) == 521


@pytest.mark.parametrize(
    "text",
    [
        "fn main(x: real) -> real = main(x)",
        "fn main(x: real) -> real = g(x)\nfn g(x: real) -> real = 1 + main(x)",
        "fn main(x: real) -> real = apply(fn(y) = main(y), x)\nfn apply(f: fn(real) -> real, x: real) -> real = f(x)",
        "fn apply[F](f: F, x: real) -> real = f(f, x)\nfn main(x: real) -> real = apply(fn(g, y) = apply(g, y), x)",
        "const a = b + 1\nconst b = a\nfn main(x: real) -> real = a * x",
    ],
)
def test_recursion_is_found(text):
    assert refusal(text).code == "E0304"


def test_a_function_inside_itself_through_a_lambda_is_no_recursion(run):
    text = """
fn twice(f: fn(real) -> real, x: real) -> real = f(f(x))
fn main(x: real) -> real = twice(fn(y) = twice(fn(z) = 2 * z, y), x)
"""
    assert run(text, "main", 1.0) == 16


def test_modules_beside_the_file(run, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "shapes.dl").write_text(
        "const scale = 10\nstruct Box:\n    a: real\n    b: real\nfn area(x: Box) -> real = scale * x.a * x.b\n"
    )
    (tmp_path / "models" / "deep.dl").write_text("fn cube(x: real) -> real = x ** 3\n")
    text = """
import shapes
import models.deep as deep
from shapes import Box, area as surface
fn main(x: real) -> real = surface(Box(x, 2)) + shapes.area(shapes.Box(1, 1)) + deep.cube(x)
"""
    assert run(text, "main", 3.0) == 60 + 10 + 27


def test_a_missing_module_and_a_missing_member_are_named():
    failure = refusal("import optimm\nfn main(x: real) -> real = x + optimm.a")
    assert failure.code == "E0202" and "optim" in (failure.hint or "")
    failure = refusal("import linalg\nfn main(x: real) -> real = linalg.sole(x)")
    assert failure.code == "E0207" and "solve" in (failure.hint or "")


def test_a_name_of_a_library_module_is_recognised():
    failure = refusal("fn main(a: real[n, n]) -> real[n, n] = cholesky(a)")
    assert failure.code == "E0201"
    assert "linalg" in (failure.hint or "")


def test_data_items_bind_sizes(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6.0).reshape(3, 2))
    text = """
data x: real[n, d] = load("x.npy")
fn main(slope: real) -> real[n] = x @ [slope * j for j in 0..d]
fn count() -> int = n * d
fn other(y: real[n]) -> real = sum(y) + sum(x)
"""
    module = dl.loads(text, directory=tmp_path)
    np.testing.assert_array_equal(module.main.on(backend="reference")(2.0), [2, 6, 10])
    assert module.count.on(backend="reference")() == 6
    assert module.other.on(backend="reference")(np.ones(5)) == 5 + 15


def test_a_parameter_binds_its_sizes_anew(tmp_path):
    text = 'data x: real[n, d] = load("x.npy")\nfn main(w: real[d]) -> real[n] = x @ w\n'
    failure = refusal(text)
    assert failure.code == "E0401"
    assert "anew" in (failure.hint or "")


def test_constants_take_the_precision_of_their_use():
    text = "const tau = 2 * pi\nfn main(x: real) -> real = tau * x\nfn wide(x: f64) -> f64 = tau * x"
    module = dl.loads(text)
    assert module.main.on(backend="reference", precision="f32")(1.0).dtype == np.float32
    assert module.wide.on(backend="reference", precision="f32")(1.0) == 2 * np.pi


def test_precisions_do_not_mix():
    failure = refusal("fn main(x: f32, y: f64) -> f64 = x * y")
    assert failure.code == "E0305" and "f32(...)" in (failure.hint or "")


def test_every_mistake_of_a_file_is_found_at_once():
    text = """
fn f(x: real) -> real:
    let a = undefined_one(x)
    let b = a + 1
    let c = undefined_two(b)
    return x + "text"
fn g(x: real[n], y: real[m]) -> real = sum(x * y)
test "t":
    assert f(true) == 1
"""
    codes = [d.code for d in loads(text).check()]
    assert codes == ["E0201", "E0201", "E0305", "E0401", "E0301"]


def test_an_error_in_a_called_function_shows_the_call():
    text = "fn g[T](x: T) -> real = x.size\nfn main(x: real) -> real = g(x)"
    failure = refusal(text)
    assert failure.code == "E0205"
    assert any("call of `g`" in label.text for label in failure.labels)


def test_string_and_function_results_are_refused():
    assert refusal("fn main() = fn(x: real) = x").code == "E0320"


def test_calls_through_the_reference_keep_effects_in_order(capsys):
    text = (
        'fn main(x: real) -> real:\n    print("x is", x)\n    for t in 0..2:\n        print("step", t)\n    return x\n'
    )
    dl.loads(text).main.on(backend="reference")(2.5)
    assert capsys.readouterr().out == "x is 2.5\nstep 0\nstep 1\n"


def test_a_failed_assertion_has_its_message_and_place():
    text = 'fn main(x: real) -> real:\n    assert x > 0, "x must be positive"\n    return x\n'
    with pytest.raises(DiffLangError) as caught:
        dl.loads(text).main.on(backend="reference")(-1.0)
    assert "x must be positive" in caught.value.diagnostic.message
    assert caught.value.span is not None and caught.value.span.line == 2


def test_modules_may_use_each_other_but_not_in_a_circle_of_names(tmp_path):
    (tmp_path / "left.dl").write_text(
        "import right\nfn g(x: real) -> real = 2 * x\nfn f(x: real) -> real = right.h(x)\n"
    )
    (tmp_path / "right.dl").write_text("import left\nfn h(x: real) -> real = 1 + left.g(x)\n")
    text = "from left import f\nfn main(x: real) -> real = f(x)"
    assert dl.loads(text, directory=tmp_path).main.on(backend="reference")(3.0) == 7
    (tmp_path / "one.dl").write_text("from two import f\n")
    (tmp_path / "two.dl").write_text("from one import f\n")
    program = loads("from one import f\nfn main(x: real) -> real = f(x)", directory=tmp_path)
    assert {d.code for d in program.check()} == {"E0203"}


def test_a_bare_number_takes_the_type_that_others_give(run):
    text = "fn f[T](a: T, b: T) -> T = a + b\nfn main(x: real) -> real = f(1, x) + f(2, 0.5)"
    assert run(text, "main", 0.25) == 3.75


def test_a_rule_needs_its_function():
    (found,) = loads("fn f(x: real) -> real = x\nrule jvp ff(x, dx) = dx").check()
    assert found.code == "E0511" and "f" in (found.hint or "")


def test_functions_of_one_name_are_chosen_from_python_too():
    text = """
fn size(x: real) -> real = x
fn size(x: real[n]) -> real = sum(x)
fn size(x: real[n], w: real) -> real = w * sum(x)
"""
    size = dl.loads(text).size.on(backend="reference")
    assert (size(2.0), size(np.ones(3)), size(np.ones(3), 4.0)) == (2, 3, 12)
    np.testing.assert_array_equal(dl.grad(size)(np.ones(3), 4.0), [4, 4, 4])
    with pytest.raises(DiffLangError) as caught:
        size("text")
    assert caught.value.code == "E0308"
