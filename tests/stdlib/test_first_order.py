"""First-order methods against published trajectories on Rosenbrock's function, and as minimisers.

The table holds the state after 1, 2 and 10 steps from (-1.2, 1), computed in double precision from the
methods' equations, ten digits. A second, independent set of recurrences in NumPy covers every step between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

START = np.array([-1.2, 1.0])

PROGRAM = """
import optim
fn rosenbrock(x: real[2]) -> real = (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2
fn run(x0: real[2], steps: int) -> real[2] = optim.minimize(rosenbrock, x0, optim.METHOD, steps = steps)
"""

TABLE: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "gd(lr = 0.001)": ((-0.9844, 1.088), (-1.027271567, 1.064208672), (-1.021411334, 1.051262267)),
    "momentum(lr = 0.0001)": ((-1.17844, 1.0088), (-1.140691756, 1.024318417), (-0.9152165628, 1.105194143)),
    "nesterov(lr = 0.0001)": ((-1.17844, 1.0088), (-1.143460486, 1.023252889), (-0.9629130957, 1.087833147)),
    "adagrad(lr = 0.1)": ((-1.1, 1.1), (-1.076298158, 1.124253562), (-1.058767182, 1.127260889)),
    "adadelta()": ((-1.195527864, 1.004472136), (-1.191083638, 1.008923036), (-1.159316638, 1.041031181)),
    "rmsprop(lr = 0.01)": ((-1.168377223, 1.031622777), (-1.14887891, 1.051360981), (-1.08244346, 1.118471132)),
    "adam(lr = 0.01)": ((-1.19, 1.01), (-1.180031963, 1.019971112), (-1.104955542, 1.095334617)),
    "amsgrad(lr = 0.01)": ((-1.168377223, 1.031622776), (-1.126659113, 1.073419076), (-0.9981320392, 1.169146428)),
    "nadam(lr = 0.01)": ((-1.181, 1.019), (-1.167272413, 1.032769311), (-1.089991068, 1.110551707)),
    "adamax(lr = 0.01)": ((-1.19, 1.01), (-1.180427797, 1.019604102), (-1.11869095, 1.082267466)),
    "lion(lr = 0.01)": ((-1.19, 1.01), (-1.18, 1.02), (-1.1, 1.1)),
}


def slope(x: np.ndarray) -> np.ndarray:
    valley = x[1] - x[0] ** 2
    return np.array([-2 * (1 - x[0]) - 400 * x[0] * valley, 200 * valley])


@pytest.mark.parametrize("method", TABLE)
def test_the_published_trajectory(load: Callable[[str], Any], method: str) -> None:
    module = load(PROGRAM.replace("METHOD", method))
    for steps, expected in zip((1, 2, 10), TABLE[method], strict=True):
        np.testing.assert_allclose(module.run(START, steps), expected, rtol=0, atol=1e-8)


def test_the_trajectory_on_the_reference_backend(load: Callable[[str], Any]) -> None:
    run = load(PROGRAM.replace("METHOD", "adam(lr = 0.01)")).run.on(backend="reference")
    np.testing.assert_allclose(run(START, 10), TABLE["adam(lr = 0.01)"][2], rtol=0, atol=1e-8)


def test_adamw_decays_apart_from_the_gradient(load: Callable[[str], Any]) -> None:
    module = load(PROGRAM.replace("METHOD", "adamw(lr = 0.01, weight_decay = 0.1)"))
    x, m, v = START.copy(), np.zeros(2), np.zeros(2)
    for t in range(1, 26):
        g = slope(x)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - 0.01 * (m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8) + 0.1 * x)
    np.testing.assert_allclose(module.run(START, 25), x, rtol=0, atol=1e-12)


def test_a_schedule_gives_the_rate_of_each_step(load: Callable[[str], Any]) -> None:
    module = load(PROGRAM.replace("METHOD", "gd(lr = optim.cosine(0.001, 20))"))
    x = START.copy()
    for t in range(1, 21):
        x = x - 0.001 * 0.5 * (1 + np.cos(np.pi * (t - 1) / 19)) * slope(x)
    np.testing.assert_allclose(module.run(START, 20), x, rtol=0, atol=1e-12)


def test_a_method_can_be_imported_by_itself(load: Callable[[str], Any]) -> None:
    text = PROGRAM.replace("import optim", "import optim\nimport optim.adam as adam").replace(
        "optim.METHOD", "adam(lr = 0.01)"
    )
    np.testing.assert_allclose(load(text).run(START, 2), TABLE["adam(lr = 0.01)"][1], rtol=0, atol=1e-8)


STRUCT = """
import optim
struct Line:
    slope: real
    offset: real[2]
fn loss(p: Line) -> real = (p.slope - 3.0) ** 2 + sum((p.offset[i] - i) ** 2 for i) + 5.0
fn run(steps: int) -> Line:
    return optim.minimize(loss, Line(slope = 0.0, offset = ones(2)), optim.adam(lr = 0.05), steps = steps)
"""


def test_the_unknown_may_be_a_struct_and_progress_is_reported(load: Callable[[str], Any]) -> None:
    seen: list[dict[str, Any]] = []
    fit = load(STRUCT).run.on(report=seen.append)(400)
    assert abs(fit["slope"] - 3.0) < 1e-3
    np.testing.assert_allclose(fit["offset"], [0.0, 1.0], atol=1e-3)
    assert [figures["step"] for figures in seen][:3] == [1, 2, 3]
    assert seen[0]["loss"] == pytest.approx(9.0 + 1.0 + 5.0)
    assert seen[-1]["loss"] < 5.001


BOWL = """
import optim
fn bowl(x: real[2]) -> real = 0.5 * (x[0] ** 2 + 10.0 * x[1] ** 2)
fn run(tol: real) -> real[2]:
    return optim.minimize(bowl, [1.0, 1.0], optim.gd(lr = 0.1), steps = 10000, tol = tol)
"""


def test_the_tolerance_ends_the_run(load: Callable[[str], Any]) -> None:
    seen: list[dict[str, Any]] = []
    x = load(BOWL).run.on(report=seen.append)(1e-5)
    assert len(seen) == 2 + int(np.ceil(np.log(1e-5) / np.log(0.9))) - 1
    assert abs(x[0]) <= 1e-5
