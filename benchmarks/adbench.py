"""ADBench's four problems (Srajer, Kukelova and Fitzgibbon 2018), with the programs of examples/adbench."""

from __future__ import annotations

import numpy as np

import difflang as dl
from benchmarks.baseline import ADBENCH, Prepared, c_call, function, pair


def gmm(d: int, k: int, n: int) -> Prepared:
    """Objective and gradient."""
    rng = np.random.default_rng(1)
    alpha, means, x = rng.normal(size=k), rng.random((k, d)), rng.normal(size=(n, d))
    icf = 0.3 * rng.normal(size=(k, d * (d + 1) // 2))
    arguments = (alpha, means, icf, x, 1.0, 0)
    objective = function(ADBENCH / "gmm.dl", "objective")
    gradient = dl.value_and_grad(objective, wrt=("alpha", "means", "icf"))
    outs = (np.empty_like(alpha), np.empty_like(means), np.empty_like(icf))
    theirs = c_call("gmm_gradient", d, k, n, *arguments, outs=outs)
    return pair(lambda: gradient(*arguments), theirs, "gmm", *arguments, primal=lambda: objective(*arguments))


def ba(cameras: int, points: int, observations: int) -> Prepared:
    """Residuals and the 2 x 15 block of each."""
    rng = np.random.default_rng(5)
    camera = 0.3 * rng.normal(size=(cameras, 11))
    camera[:, 5] -= 5.0
    camera[:, 6] += 500.0
    point, weight = rng.normal(size=(points, 3)), rng.random(observations)
    feature = 100 * rng.normal(size=(observations, 2))
    seen_by, seen = rng.integers(cameras, size=observations), rng.integers(points, size=observations)
    arguments = (camera, point, weight, feature, seen_by, seen)
    errors, blocks = (function(ADBENCH / "ba.dl", name) for name in ("reprojection_errors", "blocks"))
    outs = (np.empty((observations, 2)), np.empty((observations, 2, 15)))
    theirs = c_call("ba_jacobian", observations, *arguments, outs=outs, value=False)
    return pair(lambda: (errors(*arguments), blocks(*arguments)), theirs, "ba", *arguments)


def lstm(layers: int, characters: int, bits: int = 14) -> Prepared:
    """Objective and gradient."""
    rng = np.random.default_rng(6)
    main, extra = 0.5 * rng.normal(size=(2 * layers, 4 * bits)), rng.normal(size=(3, bits))
    state, sequence = rng.normal(size=(2 * layers, bits)), rng.integers(2, size=(characters, bits)).astype(float)
    arguments = (main, extra, state, sequence)
    objective = function(ADBENCH / "lstm.dl", "objective")
    gradient = dl.value_and_grad(objective, wrt=("main", "extra"))
    outs = (np.empty_like(main), np.empty_like(extra))
    theirs = c_call("lstm_gradient", layers, bits, characters, *arguments, outs=outs)
    return pair(lambda: gradient(*arguments), theirs, "lstm", *arguments, primal=lambda: objective(*arguments))


def hand(points: int, bones: int = 22, vertices: int = 544) -> Prepared:
    """Residuals and the 3 x 26 Jacobian of each point; the wrist, five fingers of four bones, and one bone more."""
    rng = np.random.default_rng(7)
    base, inverse = np.tile(np.eye(4), (bones, 1, 1)), np.tile(np.eye(4), (bones, 1, 1))
    base[:, :3] += 0.1 * rng.normal(size=(bones, 3, 4))
    inverse[:, :3] += 0.1 * rng.normal(size=(bones, 3, 4))
    model = {
        "parent": np.array([-1, *(0 if i % 4 == 1 else i - 1 for i in range(1, bones))]),
        "base": base,
        "inverse": inverse,
        "vertices": rng.normal(size=(vertices, 3)),
        "weights": rng.random((vertices, bones)) * (rng.random((vertices, bones)) < 0.2),
    }
    theta, vertex, measured = (
        0.5 * rng.normal(size=26),
        rng.integers(vertices, size=points),
        rng.normal(size=(points, 3)),
    )
    both = function(ADBENCH / "hand.dl", "simple_with_jacobian")
    outs = (np.empty((points, 3)), np.empty((points, 3, 26)))
    theirs = c_call("hand_jacobian", bones, points, theta, *model.values(), vertex, measured, outs=outs, value=False)
    parent, rest = tuple(model["parent"].tolist()), {name: model[name] for name in model if name != "parent"}
    return pair(
        lambda: both(theta, model, vertex, measured),
        theirs,
        *("hand", theta, parent, rest, vertex, measured),
    )
