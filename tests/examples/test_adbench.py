"""ADBench: objectives and derivatives against the benchmark's own results and against NumPy with the complex step."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import difflang as dl


def disagreement(ours: Any, theirs: Any) -> float:
    """The benchmark's measure: |x - y| / max(1, |x| + |y|), the largest."""
    x, y = np.asarray(ours, float).ravel(), np.asarray(theirs, float).ravel()
    assert x.shape == y.shape
    return float(np.max(np.abs(x - y) / np.maximum(1.0, np.abs(x) + np.abs(y))))


def expected(folder: Path, problem: str, name: str) -> dict[str, Any]:
    return json.loads((folder / "expected" / f"{problem}.json").read_text())[f"{problem}/{name}"]


def assert_vector(ours: np.ndarray, reference: dict[str, Any]) -> None:
    """Every entry that the file lists, and the sums over all."""
    flat = np.ravel(ours)
    assert flat.size == reference["size"]
    listed = flat if "values" in reference else flat[reference["sample_index"]]
    assert disagreement(listed, reference.get("values", reference.get("sample_values"))) < 1e-8
    for figure, value in [("sum", flat.sum()), ("l1", np.abs(flat).sum()), ("l2", np.linalg.norm(flat))]:
        assert value == pytest.approx(reference[figure], rel=1e-8)


@pytest.mark.parametrize("name", ["test", "1k/gmm_d2_K5", "1k/gmm_d10_K25"])
def test_gmm(runner: ModuleType, adbench: Path, name: str) -> None:
    reference = expected(adbench, "gmm", name)
    arguments = runner.gmm_arguments(adbench / "gmm" / f"{name}.txt")
    value, gradient = runner.gmm_derivative(*arguments)
    assert disagreement(value, reference["objective_adbench"]) < 1e-8
    assert disagreement(runner.program("gmm").objective(*arguments), reference["objective_adbench"]) < 1e-8
    assert_vector(gradient, reference["gradient_adbench"])


@pytest.mark.parametrize(("d", "k", "gamma", "m"), [(1, 1, 1.0, 0), (3, 2, 0.7, 0), (4, 3, 1.6, 5), (2, 4, 2.5, 1)])
def test_gmm_with_other_priors(runner: ModuleType, oracles: ModuleType, d: int, k: int, gamma: float, m: int) -> None:
    draw = np.random.default_rng(d + k).standard_normal
    alpha, means, icf, x = draw(k), draw((k, d)), draw((k, d * (d + 1) // 2)), draw((7, d))
    value, gradient = runner.gmm_derivative(alpha, means, icf, x, gamma, m)
    assert disagreement(value, oracles.gmm(alpha, means, icf, x, gamma, m).real) < 1e-8
    parts = [
        oracles.complex_step(lambda a: oracles.gmm(a, means, icf, x, gamma, m), alpha),
        oracles.complex_step(lambda a: oracles.gmm(alpha, a, icf, x, gamma, m), means),
        oracles.complex_step(lambda a: oracles.gmm(alpha, means, a, x, gamma, m), icf),
    ]
    assert disagreement(gradient, np.concatenate(parts)) < 1e-8


@pytest.mark.parametrize("name", ["test", "ba1_n49_m7776_p31843"])
def test_ba(runner: ModuleType, adbench: Path, name: str) -> None:
    reference = expected(adbench, "ba", name)
    arguments = runner.ba_arguments(adbench / "ba" / f"{name}.txt")
    p = reference["p"]
    errors, weight_errors = runner.ba_residuals(*arguments)
    assert disagreement(errors, np.tile(reference["residual_xy"], (p, 1))) < 1e-8
    assert disagreement(weight_errors, np.full(p, reference["w_err"])) < 1e-8
    blocks, slopes = runner.ba_derivative(*arguments)
    assert disagreement(blocks, np.tile(reference["J_block_rows"], (p, 1, 1))) < 1e-8
    assert disagreement(slopes, np.full(p, reference["J_w"])) < 1e-8


def test_ba_with_different_cameras_and_one_that_is_not_turned(runner: ModuleType, oracles: ModuleType) -> None:
    draw = np.random.default_rng(1).standard_normal
    cameras, points, weights, features = draw((3, 11)), draw((4, 3)), draw(6), draw((6, 2))
    cameras[1, :3] = 0.0
    camera, point = np.array([0, 1, 2, 1, 0, 1]), np.array([0, 1, 2, 3, 3, 0])
    arguments = (cameras, points, weights, features, camera, point)
    inputs = np.column_stack([cameras[camera], points[point], weights])
    errors, _ = runner.ba_residuals(*arguments)
    blocks, _ = runner.ba_derivative(*arguments)
    assert disagreement(errors, [oracles.ba(v, f) for v, f in zip(inputs, features, strict=True)]) < 1e-8
    exact = [oracles.complex_step(lambda v, f=f: oracles.ba(v, f), v) for v, f in zip(inputs, features, strict=True)]
    assert disagreement(blocks, exact) < 1e-8


def test_lstm(runner: ModuleType, adbench: Path) -> None:
    reference = expected(adbench, "lstm", "lstm_l2_c1024")
    value, gradient = runner.lstm_derivative(*runner.lstm_arguments(adbench / "lstm" / "lstm_l2_c1024.txt"))
    assert disagreement(value, reference["loss"]) < 1e-8
    assert_vector(gradient, reference["gradient"])


@pytest.mark.parametrize(("layers", "b", "c"), [(1, 2, 2), (3, 4, 6)])
def test_lstm_of_other_sizes(runner: ModuleType, oracles: ModuleType, layers: int, b: int, c: int) -> None:
    draw = np.random.default_rng(layers).standard_normal
    main, extra, state, sequence = draw((2 * layers, 4 * b)), draw((3, b)), draw((2 * layers, b)), draw((c, b))
    value, gradient = runner.lstm_derivative(main, extra, state, sequence)
    assert disagreement(value, oracles.lstm(main, extra, state, sequence)) < 1e-8
    parts = [
        oracles.complex_step(lambda a: oracles.lstm(a, extra, state, sequence), main),
        oracles.complex_step(lambda a: oracles.lstm(main, a, state, sequence), extra),
    ]
    assert disagreement(gradient, np.concatenate(parts)) < 1e-8


@pytest.mark.parametrize("name", ["test", "hand_complicated", "simple_small/hand1_t26_c100"])
def test_hand(runner: ModuleType, adbench: Path, name: str) -> None:
    reference = expected(adbench, "hand", name)
    arguments = runner.hand_arguments(adbench / "hand" / f"{name}.txt")
    assert_vector(runner.hand_residuals(*arguments), reference["residual"])
    jacobian = runner.hand_derivative(*arguments)
    assert list(jacobian.shape) == reference["jacobian_shape"]
    assert_vector(jacobian, reference["jacobian_rowmajor"])


def test_hand_residuals_with_the_jacobian(runner: ModuleType, adbench: Path) -> None:
    reference = expected(adbench, "hand", "test")
    arguments = runner.hand_arguments(adbench / "hand" / "test.txt")
    residuals, jacobian = runner.program("hand").simple_with_jacobian(*arguments)
    assert_vector(residuals.ravel(), reference["residual"])
    assert_vector(jacobian.reshape(-1, 26), reference["jacobian_rowmajor"])


def test_hand_with_a_rotation_that_counts_as_none(runner: ModuleType, oracles: ModuleType, adbench: Path) -> None:
    theta, model, vertex, points = runner.hand_arguments(adbench / "hand" / "test.txt")
    theta[:3] = [3e-5, -2e-5, 1e-5]
    jacobian = runner.hand_derivative(theta, model, vertex, points)
    assert np.all(jacobian[:, :3] == 0.0)
    exact = oracles.complex_step(lambda t: oracles.hand(t, None, model, vertex, points), theta)
    assert disagreement(jacobian, exact) < 1e-8
    assert (
        disagreement(
            runner.hand_residuals(theta, model, vertex, points), oracles.hand(theta, None, model, vertex, points).real
        )
        < 1e-8
    )


def test_hand_complicated_with_random_angles(runner: ModuleType, oracles: ModuleType, adbench: Path) -> None:
    _, _, model, triangle, points = runner.hand_arguments(adbench / "hand" / "hand_complicated.txt")
    draw = np.random.default_rng(0)
    theta, u = 0.5 * draw.standard_normal(26), draw.uniform(size=(2, 2))
    jacobian = runner.hand_derivative(theta, u, model, triangle, points)
    by_theta = oracles.complex_step(lambda t: oracles.hand(t, u, model, triangle, points), theta)
    by_u = oracles.complex_step(lambda v: oracles.hand(theta, v, model, triangle, points), u).reshape(2, 3, 2, 2)
    own = np.array([by_u[i, :, i] for i in range(2)]).reshape(6, 2)
    assert disagreement(jacobian, np.column_stack([own, by_theta])) < 1e-8


def test_one_compilation_serves_every_size(runner: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from difflang.backend.registry import get

    compiled: list[str] = []
    backend = type(get("llvm"))
    original = backend.compile

    def counting(self: Any, func: Any, options: Any) -> Any:
        compiled.append(func.name)
        return original(self, func, options)

    monkeypatch.setattr(backend, "compile", counting)
    gradient = dl.grad(dl.load(Path(runner.__file__).parent / "gmm.dl").objective, wrt="means")
    for d, k, n in [(1, 1, 1), (2, 3, 5), (5, 2, 9)]:
        assert gradient(
            np.zeros(k), np.ones((k, d)), np.zeros((k, d * (d + 1) // 2)), np.ones((n, d)), 1.0, 0
        ).shape == (k, d)
    assert len(compiled) == 1
