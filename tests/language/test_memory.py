"""`memory = "64 MB"`: budgets for what loops store, as users write them, and as the operating system measures them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import difflang as dl

LOOPS = """
struct Model[n]: w: real[n]; rate: real

fn step(p: Model[n], x: real[n]) -> real[n] = sin(p.w * x) + p.rate * cos(flip(x))

fn counted(p: Model[n], x: real[n], steps: int) -> real:
    var y = x
    for t in 0..steps:
        y = step(p, y)
    return sum(y)

fn unknown(p: Model[n], x: real[n], steps: int) -> real:
    var y = x
    var t = 0
    while t < steps:
        y = step(p, y)
        t += 1
        if y[0] > 100:
            return y[0]
    return sum(y)

fn nested(p: Model[n], x: real[n], steps: int) -> real:
    var y = x
    for t in 0..steps:
        var z = y
        for s in 0..t:
            z = step(p, z)
        y = 0.5 * (y + z)
    return sum(y)

fn parallel(p: Model[n], x: real[n], steps: int) -> real:
    var total = 0.0
    let ends = [iterate(p.w[i], x[i], steps) for i in 0..n]
    return sum(ends) * p.rate

fn iterate(w: real, x: real, steps: int) -> real:
    var y = x
    for t in 0..steps:
        y = sin(w * y)
    return y
"""
MODEL = {"w": np.array([0.9, 1.1, -0.7]), "rate": 0.3}
START = np.array([0.4, -0.2, 0.8])


def flat(value: object) -> list[float]:
    if isinstance(value, tuple | list):
        return [number for part in value for number in flat(part)]
    if hasattr(value, "w"):
        return [*np.ravel(value.w), float(value.rate)]
    return [float(v) for v in np.ravel(np.asarray(value))]


@pytest.mark.parametrize(
    ("name", "memory", "backend"),
    [
        ("counted", "200", "reference"),
        ("counted", "600 B", "llvm"),
        ("unknown", "250", "reference"),
        ("unknown", "600 B", "llvm"),
        ("nested", "1 kB", "llvm"),
        ("nested", "1 MB", "reference"),
        ("parallel", "40 kB", "llvm"),
        ("parallel", "1 MB", "reference"),
    ],
)
def test_budgets_change_no_bit(name, memory, backend):
    function = getattr(dl.loads(LOOPS), name).on(backend=backend)
    plain = dl.grad(function, wrt=("p", "x"))
    limited = dl.grad(function, wrt=("p", "x"), memory=memory)
    for steps in (0, 1, 13):
        assert flat(limited(MODEL, START, steps)) == flat(plain(MODEL, START, steps))


@pytest.mark.parametrize(
    ("operator", "extra"),
    [("value_and_grad", ()), ("vjp", (2.0,)), ("hvp", (START,)), ("hessian", ()), ("jacobian", ())],
)
def test_every_operator_that_goes_backwards_takes_a_budget(operator, extra):
    m = dl.loads(LOOPS)
    transform = getattr(dl, operator)
    plain = transform(m.counted, wrt="x")(MODEL, START, 9, *extra)
    limited = transform(m.counted, wrt="x", memory="100 kB")(MODEL, START, 9, *extra)
    np.testing.assert_allclose(flat(limited), flat(plain), rtol=1e-14)


def test_derivatives_of_a_gradient_with_a_budget(run):
    text = """
fn f(x: real, n: int) -> real:
    var y = x
    var t = 0
    while t < n:
        y = y * x
        t += 1
    return y
fn g(x: real, n: int) -> real = grad(f, memory = 2000)(x, n)
"""
    x, power = 1.01, 6.0
    assert run(text, "g", x, 5) == pytest.approx(power * x ** (power - 1), rel=1e-13)
    second = power * (power - 1) * x ** (power - 2)
    assert run(text, "grad(g)", x, 5) == pytest.approx(second, rel=1e-13)
    assert run(text, "jvp(g)", x, 5, 1.0)[1] == pytest.approx(second, rel=1e-13)
    coefficients = run(text, "jet[order=3](g)", x, 5, 1.0)
    third = second * (power - 2) * (power - 3) / (6 * x * x)
    assert coefficients[3] == pytest.approx(third, rel=1e-12)


MEASURED = """
import sys
from pathlib import Path
import numpy as np
import difflang as dl

m = dl.loads('''
fn counted(x: real[n], steps: int) -> real:
    var y = x
    for t in 0..steps:
        y = [y[i] + 0.1 * y[i] * (y[(i + 1) % n] - y[i]) for i]
    return sum(y)

fn unknown(x: real[n], steps: int) -> real:
    var y = x
    var t = 0
    while t < steps:
        y = [y[i] + 0.1 * y[i] * (y[(i + 1) % n] - y[i]) for i]
        t += 1
    return sum(y)

fn elements(x: real[n], steps: int) -> real:
    var y = x
    for t in 0..steps:
        y[t % n] = 0.99 * sin(y[(t + 1) % n])
    return sum(y)
''')

def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])

name, memory, size, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
gradient = dl.grad(getattr(m, name), memory=None if memory == "None" else memory)
gradient(np.ones(size), 2)
Path("/proc/self/clear_refs").write_text("5")
before = kilobytes("VmHWM")
gradient(np.ones(size), steps)
print((kilobytes("VmHWM") - before) * 1024)
"""
SLACK = 1_000_000
"""Bytes by which the process may grow for other reasons."""

measured = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux, to forget a peak")


def growth(name: str, memory: int | None, size: int, steps: int) -> int:
    """The bytes by which a fresh process grows in a gradient, at its peak."""
    command = [sys.executable, "-c", MEASURED, name, str(memory), str(size), str(steps)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@measured
@pytest.mark.parametrize(
    ("name", "memory", "steps"),
    [
        ("counted", 8_000_000, 5000),
        ("unknown", 4_000_000, 5000),
        ("counted", 200_000, 5000),
        ("counted", 64_000_000, 100_000),
        ("unknown", 64_000_000, 100_000),
    ],
)
def test_a_budget_is_kept(name, memory, steps):
    """To store every state would take 40 MB, or 800, as the measurement without a budget shows."""
    assert growth(name, memory, 1000, steps) <= memory + SLACK


@measured
def test_without_a_budget_every_state_is_stored():
    assert growth("counted", None, 1000, 5000) >= 40_000_000 - SLACK


@measured
def test_element_writes_save_elements():
    """100,000 steps that each replace one of 10,000 elements: to save arrays would take 8 GB."""
    assert growth("elements", None, 10_000, 100_000) <= 4 * 8 * 100_000 + SLACK


@pytest.mark.parametrize("memory", ["64 apples", "", "0 MB", -5, 0, True, 1.5])
def test_what_is_no_amount_of_memory(memory):
    m = dl.loads(LOOPS)
    with pytest.raises(dl.DiffLangError) as caught:
        dl.grad(m.counted, memory=memory)
    assert caught.value.diagnostic.code == "E0608"


def test_a_budget_without_room_for_a_state():
    m = dl.loads(LOOPS)
    with pytest.raises(dl.DiffLangError) as caught:
        dl.grad(m.counted, wrt="x", memory="40 B")(MODEL, START, 4)
    assert caught.value.diagnostic.code == "E0812"
    assert "one state takes 24 bytes" in caught.value.diagnostic.message


@pytest.mark.parametrize("memory", [2**70, "999999999999999 TB"])
def test_more_than_any_machine_has_is_no_limit(memory: int | str) -> None:
    square = dl.loads("fn f(x: real) -> real = x * x").f.on(backend="reference")
    assert dl.grad(square, memory=memory)(3.0) == 6
