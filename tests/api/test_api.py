"""The Python interface: modules, functions, derivatives, options, errors."""

from __future__ import annotations

import inspect
import pickle
import warnings

import numpy as np
import pytest

import difflang as dl

TEXT = """
## The weighted mean square.
fn loss(x: real[n], scale: real = 1.0) -> real = scale * sum(x * x) / n
fn wave(t: real) -> real = sin(t)
fn pair(a: real, b: real) -> (real, real) = (a * b, a + b)
fn check(k: int) -> int = k + 1
struct Line: slope: real; offset: real
fn predict(line: Line, x: real[n]) -> real[n] = line.slope * x + line.offset
fn same(x: real[n]) -> real[n] = x
fn rows(a: real[n, m]) -> real[n] = [sum(a[i]) for i in 0..n]
fn noisy(x: real) -> real:
    print("x is", x)
    report(step = 1, value = 2 * x)
    return x
extern fn measure(x: real) -> real
fn measured(x: real) -> real = 2 * measure(x)
fn broken(x: real[n], y: real[m]) -> real[n] = x + y
"""


@pytest.fixture(scope="module")
def m():
    return dl.loads(TEXT)


@pytest.fixture(params=["reference", "llvm"])
def backend(request):
    return request.param


def failure(call) -> dl.DiffLangError:
    with pytest.raises(dl.DiffLangError) as caught:
        call()
    return caught.value


def test_positions_names_and_defaults(m, backend):
    x = np.array([1.0, 3.0])
    loss = m.loss.on(backend=backend)
    assert loss(x) == loss(x=x) == loss(x, 1) == 5
    assert loss(x, scale=2) == loss(scale=2.0, x=x) == 10


def test_structs_tuples_and_sizes(m, backend):
    predict = m.predict.on(backend=backend)
    np.testing.assert_array_equal(predict({"slope": 2, "offset": 1}, np.arange(3.0)), [1, 3, 5])
    assert m.pair.on(backend=backend)(2, 3) == (6, 5)
    for n in (0, 1, 5):
        np.testing.assert_array_equal(m.rows.on(backend=backend)(np.ones((n, 4))), np.full(n, 4.0))


def test_results_are_copies(m, backend):
    x = np.ones(3)
    y = m.same.on(backend=backend)(x)
    assert not np.shares_memory(x, y)
    y[0] = 5
    np.testing.assert_array_equal(m.same.on(backend=backend)(x), [1, 1, 1])


def test_a_name_that_collides_with_a_method(m):
    assert m["check"](1) == 2
    assert callable(m.check) and not isinstance(m.check, dl.Function)


def test_derivatives_compose(m, backend):
    wave = m.wave.on(backend=backend)
    assert dl.grad(wave)(0.5) == pytest.approx(np.cos(0.5), rel=1e-14)
    assert dl.grad(dl.grad(wave))(0.5) == pytest.approx(-np.sin(0.5), rel=1e-14)
    assert dl.derivative(wave, order=3)(0.5) == pytest.approx(-np.cos(0.5), rel=1e-14)
    assert dl.jvp(dl.grad(wave))(0.5, 2.0) == (
        pytest.approx(np.cos(0.5), rel=1e-14),
        pytest.approx(-2 * np.sin(0.5), rel=1e-14),
    )


def test_derivatives_of_arrays_and_structs(m, backend):
    x, v = np.array([1.0, 3.0]), np.array([2.0, -1.0])
    loss = m.loss.on(backend=backend)
    value, gradient = dl.value_and_grad(loss)(x)
    assert value == 5
    np.testing.assert_allclose(gradient, x, rtol=1e-15)
    np.testing.assert_allclose(dl.hvp(loss)(x, v), v, rtol=1e-15)
    np.testing.assert_allclose(dl.hessian(loss)(x), np.eye(2), rtol=1e-15)
    by_x, by_scale = dl.grad(loss, wrt=("x", "scale"))(x, 2.0)
    np.testing.assert_allclose(by_x, 2 * x, rtol=1e-15)
    assert by_scale == 5
    line = {"slope": 2.0, "offset": 1.0}
    y, pulled = dl.vjp(m.predict.on(backend=backend))(line, x, v)
    np.testing.assert_allclose(y, [3, 7])
    assert pulled == {"slope": pytest.approx(v @ x), "offset": pytest.approx(v.sum())}
    np.testing.assert_allclose(dl.jacobian(m.predict.on(backend=backend), wrt="x")(line, x), 2 * np.eye(2))


def test_directions_come_after_the_arguments(m, backend):
    loss = m.loss.on(backend=backend)
    x, v = np.array([1.0, 3.0]), np.array([2.0, -1.0])
    assert dl.jvp(loss)(x, v) == (5, pytest.approx(x @ v))
    assert dl.jvp(loss)(x, 2.0, v) == (10, pytest.approx(2 * x @ v))


def test_jet(m, backend):
    coefficients = dl.jet(m.wave.on(backend=backend), order=4)(0.3, 1.0)
    expected = [np.sin(0.3), np.cos(0.3), -np.sin(0.3) / 2, -np.cos(0.3) / 6, np.sin(0.3) / 24]
    np.testing.assert_allclose(coefficients, expected, rtol=1e-14)


def test_signatures_and_documentation(m):
    assert str(inspect.signature(m.loss)) == "(x: 'real[n]', scale: 'real' = Ellipsis) -> 'real'"
    assert m.loss.__doc__.startswith("loss(x: real[n], scale: real = ...) -> real\n\nThe weighted mean square.")
    assert m.loss.__name__ == "loss" and dl.grad(m.loss, wrt="x").__name__ == "grad(loss, wrt = x)"
    assert "loss" in repr(m.loss) and "loss" in repr(m) and "loss" in dir(m)
    assert "predict" in m.functions()


def test_options(m, backend):
    single = m.loss.on(backend=backend, precision="f32")
    result = single(np.array([1, 3], np.float32))
    assert result == 5 and result.dtype == np.float32
    assert dl.grad(single)(np.array([1, 3], np.float32)).dtype == np.float32
    assert m.loss.on(backend=backend, threads=1, deterministic=True)(np.ones(4)) == 1
    checked = dl.loads("fn f(x: real) -> real = log(x)").f.on(backend=backend, check="nan")
    assert checked(1.0) == 0
    assert failure(lambda: checked(-1.0)).code == "E0806"


def test_print_and_report(m, backend, capsys):
    seen = []
    assert m.noisy.on(backend=backend, report=seen.append)(3.0) == 3
    assert seen == [{"step": 1, "value": 6.0}]
    assert capsys.readouterr().out == "x is 3.0\n"


@pytest.mark.parametrize("stage", ["ast", "core", "opt", "loops", "llvm", "asm"])
def test_emit(m, stage):
    assert len(m.wave.emit(stage)) > 20
    assert len(dl.grad(m.wave).emit(stage)) > 20


def test_extern_functions(backend):
    m = dl.loads(TEXT)
    call = m.measured.on(backend=backend)
    assert failure(lambda: call(1.0)).code == "E0611"
    assert m.bind(measure=lambda x: x + 1) is m
    assert call(1.0) == 4
    m.bind(measure=lambda x: None)
    assert failure(lambda: call(1.0)).code == "E0611"

    def fail(x):
        raise KeyError("mine")

    m.bind(measure=fail)
    with pytest.raises(KeyError, match="mine"):
        call(1.0)


MISTAKES = [
    ("E0903", lambda m: m.los, "Did you mean `loss`?"),
    ("E0601", lambda m: m.loss(), "x: real[n]"),
    ("E0602", lambda m: m.loss(y=1), "no parameter `y`"),
    ("E0609", lambda m: m.wave(1, 2), "takes 1 argument"),
    ("E0606", lambda m: m.loss(np.ones(2, "f4")), "float32"),
    ("E0604", lambda m: m.loss(1.0), "1 dimension"),
    ("E0602", lambda m: dl.grad(m.loss, wrt="y"), "no parameter `y`"),
    ("E0602", lambda m: dl.grad(m.loss, wrt=()), "must name parameters"),
    ("E0602", lambda m: dl.grad(m.loss, wrt=3), "must name parameters"),
    ("E0612", lambda m: dl.grad(np.sin), "takes a function of a DiffLang module"),
    ("E0608", lambda m: dl.derivative(m.wave, order=1.5), "whole number"),
    ("E0906", lambda m: m.loss.on(backend="lvm"), "Did you mean `llvm`?"),
    ("E0902", lambda m: m.loss.on(precision="half"), "no precision"),
    ("E0902", lambda m: m.loss.on(check="inf"), "no check"),
    ("E0902", lambda m: m.loss.on(threads=-1), "threads"),
    ("E0905", lambda m: m.loss.emit("machine"), "stage"),
    ("E0611", lambda m: m.bind(measure=3), "cannot be called"),
    ("E0907", lambda m: dl.load("/none/such.dl"), "There is no file"),
    ("E04", lambda m: m.broken(np.ones(2), np.ones(2)), "x + y"),
]


@pytest.mark.parametrize(("code", "call", "text"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes(m, code, call, text):
    problem = failure(lambda: call(m))
    assert problem.code.startswith(code) and problem.hint
    assert text in str(problem)


def test_an_error_shows_its_place(m):
    text = str(failure(lambda: m.broken(np.ones(2), np.ones(2))))
    assert "fn broken(x: real[n], y: real[m]) -> real[n] = x + y" in text and "^^^^^" in text


def test_hasattr_is_honest(m):
    assert hasattr(m, "loss") and not hasattr(m, "nothing")


def test_load_reads_beside_the_file(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(4.0))
    (tmp_path / "helper.dl").write_text("fn twice(x: real) -> real = 2 * x\n")
    path = tmp_path / "main.dl"
    path.write_text('import helper\ndata x: real[n] = load("x.npy")\nfn main() -> real = helper.twice(sum(x))\n')
    assert dl.load(path).main() == dl.load(str(path)).main() == 12
    assert dl.loads(path.read_text(), directory=tmp_path).main() == 12


def test_check_grad(m):
    x = np.array([1.0, 3.0])
    assert dl.check_grad(m.loss, x)
    assert dl.check_grad(m.loss, x, 2.0, wrt=("x", "scale"))
    assert dl.check_grad(m.predict, {"slope": 2.0, "offset": 1.0}, x)
    assert dl.check_grad(m.loss.on(precision="f32"), x.astype("f4"))
    report = dl.check_grad(m.wave, 0.5)
    assert report.forward < 1e-9 and report.reverse < 1e-14
    jump = dl.loads("fn f(x: real) -> real = floor(x)").f
    assert failure(lambda: dl.check_grad(jump, 1.0)).code == "E0613"


def test_check_grad_finds_a_wrong_rule():
    m = dl.loads("fn f(x: real) -> real = x * x\nrule jvp f(x, dx) = 3 * x * dx\nfn g(x: real) -> real = f(x)")
    assert failure(lambda: dl.check_grad(m.g, 1.0)).code == "E0613"


def test_results_can_be_pickled(m):
    struct = dl.vjp(m.predict)({"slope": 2.0, "offset": 1.0}, np.ones(2), np.ones(2))[1]
    assert pickle.loads(pickle.dumps(struct)) == struct


def test_nothing_warns_where_all_is_well(m):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dl.grad(m.loss)(np.ones(2))


def test_static_sizes_are_specialised(monkeypatch):
    m = dl.loads("fn f[static n](x: real[n], y: real[m]) -> real = sum(x) * sum(y)\nfn g(x: real[n]) -> real = sum(x)")
    asked = []
    program = m._engine.program
    lower = program.lower
    monkeypatch.setattr(
        program, "lower", lambda text, **options: asked.append(options["statics"]) or lower(text, **options)
    )
    for n in (2, 3, 2):
        assert m.f(np.ones(n), np.ones(4)) == 4 * n
        np.testing.assert_array_equal(dl.grad(m.f)(np.ones(n), np.ones(4)), np.full(n, 4.0))
    assert m.g(np.ones(5)) == 5
    assert asked == [{}, {"n": 2}, {}, {"n": 2}, {"n": 3}, {"n": 3}, {}]


def test_gauss_newton_and_checkpoints(backend):
    m = dl.loads(
        "fn model(x: real[n]) -> real[n] = [x[i] ** 3 for i]\n"
        "fn loss(y: real[n]) -> real = sum(y * y)\n"
        "fn total(x: real[n]) -> real = loss(model(x))\n"
    )
    x, v = np.array([1.0, 2.0]), np.array([3.0, -1.0])
    jacobian = np.diag(3 * x**2)
    product = dl.ggn(m.model.on(backend=backend), m.loss)(x, v)
    np.testing.assert_allclose(product, jacobian.T @ (2 * np.eye(2)) @ jacobian @ v, rtol=1e-14)
    kept = dl.grad(dl.checkpoint(m.total.on(backend=backend)))(x)
    np.testing.assert_allclose(kept, 6 * x**5, rtol=1e-14)
    other = dl.loads("fn loss(y: real[n]) -> real = sum(y)")
    assert failure(lambda: dl.ggn(m.model, other.loss)).code == "E0612"
    assert failure(lambda: dl.ggn(m.model, np.sum)).code == "E0612"


def test_sparse_matrices(backend):
    m = dl.loads("fn f(x: real[n]) -> real[n] = [x[i] ** 2 + (x[i - 1] if i > 0 else 0.0) for i in 0..n]")
    x = np.arange(1.0, 6.0)
    result = dl.jacobian(m.f.on(backend=backend), sparse=True)(x)
    assert result.format == "csr" and result.nnz <= 9
    np.testing.assert_allclose(result.toarray(), np.diag(2 * x) + np.diag(np.ones(4), -1), rtol=1e-15)


def test_check_grad_compares_taylor_mode() -> None:
    module = dl.loads("fn f(x: real[n], s: real) -> real[n] = [s * sin(x[i] * x[0]) for i in 0..n]")
    report = dl.check_grad(module.f, np.array([0.3, 0.8]), 1.2, wrt=("x", "s"))
    assert report and report.taylor < 1e-12
    found = dl.jet(module.f, order=2, wrt="s")(np.array([0.3, 0.8]), 1.2, 1.0)
    np.testing.assert_allclose(found[1], np.sin([0.09, 0.24]))
    np.testing.assert_array_equal(found[2], [0, 0])


def test_loads_takes_text() -> None:
    with pytest.raises(dl.DiffLangError, match="E0603: `loads` takes the text of a program"):
        dl.loads(3)


def test_check_grad_takes_differences_in_extended_precision() -> None:
    """A rule that is wrong by 1e-8 (relative), in either mode, is found; the report says how it was looked for."""
    text = "fn g(x: real) -> real = sin(x)\nrule {rule} * {factor}\nfn f(x: real) -> real = 3 * g(x)"
    rules = {"jvp g(x, dx) = cos(x) * dx": "E0613", "vjp g(x, y, ybar) = cos(x) * ybar": "E0613"}
    longer = np.finfo(np.longdouble).eps < 2e-19
    for rule, code in rules.items():
        right, wrong = (dl.loads(text.format(rule=rule, factor=factor)).f for factor in ("1.0", "1.00000001"))
        report = dl.check_grad(right, 0.7)
        assert report.precision == ("extended" if longer else "double")
        if longer:
            assert report.tolerance == 1e-9 and report.forward < 1e-14
            assert failure(lambda wrong=wrong: dl.check_grad(wrong, 0.7)).code == code
    single = dl.loads("fn f(x: real) -> real = sin(x)").f.on(precision="f32")
    assert dl.check_grad(single, np.float32(0.7)).precision == "double"


def test_programs_with_a_tolerance_of_their_own_are_held_to_the_usual_one() -> None:
    text = """
fn f(x: real) -> real:
    var y = 1.0
    while abs(y * y - x) > 1e-8:
        y = 0.5 * (y + x / y)
    return y
"""
    assert dl.check_grad(dl.loads(text).f, 2.0).tolerance == 1e-6


def test_functions_may_have_the_names_of_operators():
    """A gradient written by hand, say, to be compared; `dl.grad` is still the operator."""
    m = dl.loads(
        "fn f(x: real) -> real = x * x * x\n"
        "fn grad(x: real) -> real = 3.0 * x * x\nfn hessian(x: real) -> real = 6.0 * x\nfn jet(x: real) -> real = x\n"
    )
    f, by_hand = m.f.on(backend="reference"), m.grad.on(backend="reference")
    assert dl.grad(f)(2.0) == by_hand(2.0) == 12
    assert dl.grad(by_hand)(2.0) == dl.hessian(f)(2.0) == m.hessian.on(backend="reference")(2.0) == 12
    assert dl.jet(f)((2.0, 1.0)) == dl.jet(f, order=1)(2.0, 1.0) == (8, 12)
