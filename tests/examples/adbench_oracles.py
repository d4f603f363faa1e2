"""The four ADBench objectives written plainly in NumPy, on numbers that may be complex.

Derivatives come from the complex step: Im f(x + i h) / h with h = 1e-30 has no cancellation
(W. Squire and G. Trapp 1998).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import special

STEP = 1e-30
PI = 3.14159265359


def complex_step(f: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """The Jacobian of f at x: the dimensions of f(x), then one for the entries of x."""
    columns = []
    for k in range(x.size):
        shifted = x.astype(complex).ravel()
        shifted[k] += 1j * STEP
        columns.append(np.imag(f(shifted.reshape(x.shape))) / STEP)
    return np.stack(columns, axis=-1)


def gmm(alpha: Any, means: Any, icf: Any, x: Any, gamma: float, m: int) -> Any:
    (k, d), n = means.shape, len(x)
    rows, columns = np.tril_indices(d, -1)
    by_columns = np.lexsort((rows, columns))
    beta, penalty = [], 0.0
    for c in range(k):
        q = np.zeros((d, d), dtype=complex)
        q[rows[by_columns], columns[by_columns]] = icf[c, d:]
        q[np.arange(d), np.arange(d)] = np.exp(icf[c, :d])
        log_diagonal = icf[c, :d].sum()
        beta.append(alpha[c] + log_diagonal - 0.5 * ((q @ (x - means[c]).T) ** 2).sum(axis=0))
        penalty = penalty + 0.5 * gamma**2 * (q**2).sum() - m * log_diagonal
    freedom = d + m + 1
    constant = freedom * d * (np.log(gamma) - 0.5 * np.log(2)) - special.multigammaln(0.5 * freedom, d)
    return (
        logsumexp(np.array(beta)).sum() - n * logsumexp(alpha) - 0.5 * n * d * np.log(2 * PI) + penalty - k * constant
    )


def logsumexp(v: Any) -> Any:
    top = v.real.max(axis=0)
    return top + np.log(np.exp(v - top).sum(axis=0))


def ba(inputs: Any, feature: Any) -> Any:
    """The reprojection error of one observation, from camera (11), point (3) and weight."""
    r, centre, point, weight = inputs[:3], inputs[3:6], inputs[11:14], inputs[14]
    y = point - centre
    if np.all(r.real == 0):
        turned = y + np.cross(r, y)
    else:
        t = np.sqrt(r @ r)
        v = r / t
        turned = y * np.cos(t) + np.cross(v, y) * np.sin(t) + v * (v @ y) * (1 - np.cos(t))
    p = turned[:2] / turned[2]
    s = p @ p
    p = p * (1 + inputs[9] * s + inputs[10] * s * s)
    return weight * (inputs[6] * p + inputs[7:9] - feature)


def lstm(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    b = extra.shape[1]
    hidden, cells = list(state[0::2]), list(state[1::2])
    total = 0.0
    for now, next_ in pairwise(sequence):
        z = now * extra[0]
        for k in range(len(hidden)):
            w, v = main[2 * k].reshape(4, b), main[2 * k + 1].reshape(4, b)
            gates = [1 / (1 + np.exp(-(u * w[g] + v[g]))) for g, u in enumerate((z, hidden[k], z))]
            cells[k] = cells[k] * gates[0] + gates[1] * np.tanh(hidden[k] * w[3] + v[3])
            z = hidden[k] = gates[2] * np.tanh(cells[k])
        y = z * extra[1] + extra[2]
        total = total + (next_ * (y - np.log(np.exp(y).sum() + 2))).sum()
    return -total / ((len(sequence) - 1) * b)


def hand(theta: Any, u: Any, model: dict[str, Any], index: Any, points: Any) -> Any:
    """Residuals, 3 N; `u` is None and `index` names vertices in the simple problem, else triangles."""
    maps: list[Any] = []
    for i, parent in enumerate(model["parent"]):
        local = model["base"][i] @ _turn(*_angles(theta, i))
        maps.append(local if parent < 0 else maps[parent] @ local)
    homogeneous = np.column_stack([model["vertices"], np.ones(len(model["vertices"]))])
    moved = sum(
        (homogeneous @ (a @ inverse)[:3].T) * weight[:, None]
        for a, inverse, weight in zip(maps, model["inverse"], model["weights"].T, strict=True)
    )
    moved = moved @ _rodrigues(theta[:3]).T + theta[3:6]
    if u is None:
        return (points - moved[index]).ravel()
    corners = moved[index]
    place = u[:, :1] * corners[:, 0] + u[:, 1:] * corners[:, 1] + (1 - u.sum(axis=1))[:, None] * corners[:, 2]
    return (points - place).ravel()


def _angles(theta: Any, bone: int) -> tuple[Any, Any]:
    finger, joint = divmod(bone - 1, 4)
    if not 1 <= bone <= 20 or joint == 0:
        return 0.0, 0.0
    first = 6 + 4 * finger
    return (theta[first], theta[first + 1]) if joint == 1 else (theta[first + joint], 0.0)


def _turn(x: Any, z: Any) -> Any:
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    turn = np.eye(4, dtype=complex)
    turn[:3, :3] = about_z @ about_x
    return turn


def _rodrigues(g: Any) -> Any:
    angle = np.sqrt((g**2).sum())
    if angle.real < 1e-4:
        return np.eye(3)
    x, y, z = g / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)
