"""The examples train: their results against optima found by other methods in NumPy and SciPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize
from scipy.integrate import solve_ivp
from scipy.special import logsumexp

import difflang as dl


@pytest.fixture(scope="module")
def data(examples: Path) -> dict[str, np.ndarray]:
    def read(name: str, skip: int) -> np.ndarray:
        return np.loadtxt(examples / "data" / name, delimiter=",", skiprows=skip)

    return {
        "faithful": read("faithful.csv", 1),
        "lynx_hare": read("lynx_hare.csv", 1),
        "cancer": read("breast_cancer.csv", 1),
        "digits": read("digits.csv", 0),
    }


# --- mixture ------------------------------------------------------------------------------------------


def log_densities(x: np.ndarray, weight: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    z = (x[:, None, :] - mean) / scale
    return np.log(weight) - 0.5 * (z**2).sum(-1) - np.log(scale).sum(-1) - 0.5 * x.shape[1] * np.log(2 * np.pi)


def expectation_maximisation(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, means and scales of a mixture with diagonal covariances (Dempster, Laird, Rubin 1977)."""
    weight, mean, scale = np.full(k, 1 / k), x[:k].copy(), np.tile(x.std(axis=0), (k, 1))
    for _ in range(500):
        joint = log_densities(x, weight, mean, scale)
        share = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        total = share.sum(axis=0)
        weight, mean = total / len(x), share.T @ x / total[:, None]
        scale = np.sqrt((share.T @ x**2) / total[:, None] - mean**2)
    return weight, mean, scale


def test_the_mixture_reaches_the_optimum_of_expectation_maximisation(examples: Path, data: dict[str, Any]) -> None:
    x = data["faithful"]
    weight, mean, scale = expectation_maximisation(x, 2)
    best = -logsumexp(log_densities(x, weight, mean, scale), axis=1).mean()
    seen: list[dict[str, Any]] = []
    module = dl.load(examples / "mixture.dl")
    fit = module.main.on(report=seen.append)()
    order, theirs = np.argsort(fit["mean"][:, 0]), np.argsort(mean[:, 0])
    np.testing.assert_allclose(module.loss(fit, x), best, rtol=0, atol=1e-9)
    np.testing.assert_allclose(fit["mean"][order], mean[theirs], rtol=1e-6)
    np.testing.assert_allclose(np.exp(fit["logscale"][order]), scale[theirs], rtol=1e-6)
    assert len(seen) == 300
    assert seen[-1]["loss"] < seen[0]["loss"] - 0.5


def test_the_loss_of_the_mixture_and_its_gradient(examples: Path, data: dict[str, Any]) -> None:
    module, x = dl.load(examples / "mixture.dl"), data["faithful"]
    p = {
        "weight": np.array([0.3, -0.2]),
        "mean": np.array([[2.0, 55.0], [4.0, 80.0]]),
        "logscale": np.array([[-0.5, 1.5], [-1.0, 2.0]]),
    }
    share = np.exp(p["weight"] - logsumexp(p["weight"]))
    joint = log_densities(x, share, p["mean"], np.exp(p["logscale"]))
    value, gradient = dl.value_and_grad(module.loss)(p, x)
    assert value == pytest.approx(-logsumexp(joint, axis=1).mean(), rel=1e-12)
    duty = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    np.testing.assert_allclose(gradient["weight"], share - duty.mean(axis=0), rtol=1e-9, atol=1e-12)
    z = (x[:, None, :] - p["mean"]) / np.exp(p["logscale"])
    np.testing.assert_allclose(gradient["logscale"], (duty[:, :, None] * (1 - z**2)).mean(axis=0), rtol=1e-9)


# --- logistic regression --------------------------------------------------------------------------------


def test_logistic_regression_reaches_the_optimum_of_scipy(examples: Path, data: dict[str, Any]) -> None:
    table = data["cancer"]
    x, label = table[:, :-1], 2 * table[:, -1] - 1
    x = (x - x.mean(axis=0)) / x.std(axis=0)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin = label * (x @ w[:-1] + w[-1])
        slope = -label / (1 + np.exp(margin)) / len(x)
        gradient = np.append(x.T @ slope + 0.01 * w[:-1], slope.sum())
        return np.logaddexp(0, -margin).mean() + 0.005 * w[:-1] @ w[:-1], gradient

    best = optimize.minimize(loss, np.zeros(31), jac=True, method="BFGS", options={"gtol": 1e-10})
    fit = dl.load(examples / "logistic.dl").main()
    assert fit["loss"] == pytest.approx(best.fun, abs=1e-12)
    np.testing.assert_allclose(fit["model"]["weight"], best.x[:-1], rtol=0, atol=1e-6)
    assert fit["accuracy"] == pytest.approx((label * (x @ best.x[:-1] + best.x[-1]) > 0).mean())


# --- Lotka-Volterra -----------------------------------------------------------------------------------------


def test_lotka_volterra_reaches_the_optimum_of_scipy(examples: Path, data: dict[str, Any]) -> None:
    years, counts = data["lynx_hare"][:, 0], data["lynx_hare"][:, 1:]

    def simulate(q: np.ndarray) -> np.ndarray:
        birth, kill, gain, death, hare, lynx = np.exp(q)

        def slope(_: float, y: np.ndarray) -> list[float]:
            return [birth * y[0] - kill * y[0] * y[1], gain * y[0] * y[1] - death * y[1]]

        return solve_ivp(slope, (years[0], years[-1]), [hare, lynx], t_eval=years, rtol=1e-10, atol=1e-10).y.T

    def misfit(q: np.ndarray) -> np.ndarray:
        return (np.log(simulate(q)) - np.log(counts)).ravel()

    start = np.log([0.5, 0.03, 0.03, 0.8, *counts[0]])
    best = optimize.least_squares(misfit, start, xtol=1e-12, ftol=1e-12, gtol=1e-10, diff_step=1e-6)
    fit = dl.load(examples / "lotka_volterra.dl").main()
    ours = [*(fit["rates"][name] for name in ("birth", "kill", "gain", "death")), *fit["start"]]
    assert fit["loss"] == pytest.approx(best.cost, rel=1e-6)
    np.testing.assert_allclose(ours, np.exp(best.x), rtol=1e-4)


# --- digits -----------------------------------------------------------------------------------------------------


def test_the_gradient_of_the_network_against_backpropagation_by_hand(examples: Path, data: dict[str, Any]) -> None:
    draw, table = np.random.default_rng(0).standard_normal, data["digits"][:40]
    x, label = table[:, :-1] / 16, table[:, -1].astype(np.int64)
    p = {"inner": draw((64, 8)), "inner_bias": draw(8), "outer": draw((8, 10)), "outer_bias": draw(10)}
    hidden = np.tanh(x @ p["inner"] + p["inner_bias"])
    scores = hidden @ p["outer"] + p["outer_bias"]
    log_share = scores - logsumexp(scores, axis=1, keepdims=True)
    back = (np.exp(log_share) - np.eye(10)[label]) / len(x)
    below = back @ p["outer"].T * (1 - hidden**2)
    value, gradient = dl.value_and_grad(dl.load(examples / "digits.dl").loss)(p, x, label)
    assert value == pytest.approx(-log_share[np.arange(len(x)), label].mean(), rel=1e-12)
    for name, exact in [
        ("inner", x.T @ below),
        ("inner_bias", below.sum(0)),
        ("outer", hidden.T @ back),
        ("outer_bias", back.sum(0)),
    ]:
        np.testing.assert_allclose(gradient[name], exact, rtol=1e-9, atol=1e-13, err_msg=name)


def test_the_network_learns_to_read(examples: Path) -> None:
    result = dl.load(examples / "digits.dl").main()
    assert result["train_accuracy"] > 0.99
    assert result["test_accuracy"] > 0.9


# --- small programs -----------------------------------------------------------------------------------------------


def test_small_programs(examples: Path) -> None:
    root = dl.load(examples / "newton.dl").main
    assert root(2.0) == pytest.approx(np.sqrt(2.0), rel=1e-15)
    assert dl.grad(root)(3.0) == pytest.approx(0.5 / np.sqrt(3.0), rel=1e-12)
    valley = dl.load(examples / "rosenbrock.dl")
    np.testing.assert_allclose(valley.main(6), np.ones(6), atol=1e-8)
    x = np.array([0.3, -0.8, 1.4])
    np.testing.assert_allclose(dl.grad(valley.valley)(x), optimize.rosen_der(x), rtol=1e-12)
    np.testing.assert_allclose(dl.hessian(valley.valley)(x), optimize.rosen_hess(x), rtol=1e-12, atol=1e-12)
    bounce = dl.load(examples / "bounce.dl")
    speed = bounce.main()
    assert bounce.flight(speed, 1.7, 200)["y"] == pytest.approx(1.0, abs=1e-9)
