"""Directions that are known to be zero are left out, wherever they are known, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl

Array = np.ndarray

FRAMES = """
fn frames[nb](theta: real[20], parent: int[nb], joint: int[nb], base: real[nb, 4, 4]) -> real[nb, 4, 4]:
    var absolute = zeros(nb, 4, 4)
    for i in 0..nb:
        let x = theta[joint[i]] if joint[i] >= 0 else 0.0
        let (c, s) = (cos(x), sin(x))
        let relative = base[i] @ [[c, -s, 0.0, x], [s, c, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
        absolute[i] = relative if parent[i] < 0 else absolute[parent[i]] @ relative
    return [absolute[i] @ base[i] for i in 0..nb]

fn slopes[nb](theta: real[20], parent: int[nb], joint: int[nb], base: real[nb, 4, 4]) -> real[nb, 4, 4, 20] =
    jacobian(frames)(theta, parent, joint, base)
"""


def dense(theta: Array, parent: Array, joint: Array, base: Array) -> Array:
    """The derivative with all directions in every product."""
    absolute, tangents, results = list[Array](), list[Array](), list[Array]()
    for place, j, frame in zip(parent, joint, base, strict=True):
        x = theta[j] if j >= 0 else 0.0
        c, s = np.cos(x), np.sin(x)
        turn = np.array([[c, -s, 0, x], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
        slope = np.zeros((4, 4, 20))
        if j >= 0:
            slope[:, :, j] = [[-s, -c, 0, 1], [c, -s, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
        relative, tangent = frame @ turn, np.einsum("ij,jkz->ikz", frame, slope)
        if place >= 0:
            tangent = np.einsum("ijz,jk->ikz", tangents[place], relative) + np.einsum(
                "ij,jkz->ikz", absolute[place], tangent
            )
            relative = absolute[place] @ relative
        absolute.append(relative)
        tangents.append(tangent)
        results.append(np.einsum("ijz,jk->ikz", tangent, frame))
    return np.array(results).reshape(-1, 4, 4, 20)


def tree(count: int, seed: int) -> tuple[Array, Array, Array, Array]:
    rng = np.random.default_rng(seed)
    parent = np.array([rng.integers(-1, i) for i in range(count)], dtype=np.int64)
    joint = rng.integers(-1, 20, size=count)
    return rng.normal(size=20), parent, joint, rng.normal(size=(count, 4, 4)) / 2


@pytest.fixture(scope="module")
def slopes() -> dl.Function:
    return dl.loads(FRAMES)["slopes"]


@pytest.mark.parametrize("count", [0, 1, 2, 9, 30])
@pytest.mark.parametrize("seed", [1, 2])
def test_bones_move_with_the_joints_above_them(slopes: dl.Function, count: int, seed: int) -> None:
    arguments = tree(count, seed)
    np.testing.assert_allclose(slopes(*arguments), dense(*arguments), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("backend", ["c", "reference"])
def test_backends_agree(slopes: dl.Function, backend: str) -> None:
    arguments = tree(12, 3)
    np.testing.assert_allclose(slopes.on(backend=backend)(*arguments), dense(*arguments), rtol=1e-11, atol=1e-12)


def test_joints_at_the_ends_of_the_axis_and_far_apart(slopes: dl.Function) -> None:
    theta, parent, _, base = tree(6, 4)
    for joint in ([19, 0, 19, -1, 0, 6], [0] * 6, [19] * 6, [-1] * 6):
        arguments = theta, parent, np.array(joint), base
        np.testing.assert_allclose(slopes(*arguments), dense(*arguments), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("bone", [0, 3, 7])
def test_zero_times_what_is_not_finite_is_not_left_out(slopes: dl.Function, bad: float, bone: int) -> None:
    theta, parent, joint, base = tree(8, 5)
    base[bone, 1, 2] = bad
    with np.errstate(invalid="ignore"):
        expected = dense(theta, parent, joint, base)
    found = slopes(theta, parent, joint, base)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found[np.isfinite(expected)], expected[np.isfinite(expected)], rtol=1e-11, atol=1e-12)
    assert np.isnan(found[bone]).any() and not np.isnan(slopes(*tree(8, 5))).any()


def test_a_call_leaves_nothing_for_the_next(slopes: dl.Function) -> None:
    first, second = tree(10, 6), tree(10, 7)
    slopes(*first)
    np.testing.assert_allclose(slopes(*second), dense(*second), rtol=1e-11, atol=1e-12)


def test_products_run_over_the_directions_that_move(slopes: dl.Function) -> None:
    assert slopes.emit("loops").count("for lane") >= 3


def test_rows_that_are_all_written_are_not_filled_before() -> None:
    text = """
    fn rows(x: real[20]) -> real[3, 20]:
        var a = zeros(3, 20)
        a[0] = exp(x)
        a[1] = sin(x)
        a[2] = cos(x)
        return a
    fn two(x: real[20]) -> real[3, 20]:
        var a = zeros(3, 20)
        a[0] = exp(x)
        a[2] = cos(x)
        return a
    """
    program = dl.loads("\n".join(line[4:] for line in text.splitlines()))
    x = np.linspace(-1.0, 1.0, 20)
    np.testing.assert_allclose(program["rows"](x), [np.exp(x), np.sin(x), np.cos(x)], rtol=1e-14)
    np.testing.assert_allclose(program["two"](x), [np.exp(x), 0 * x, np.cos(x)], rtol=1e-14)
    assert "fill" not in program["rows"].emit("loops")
    assert "fill" in program["two"].emit("loops")
