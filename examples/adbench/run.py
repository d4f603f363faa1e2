"""ADBench's four problems: read a file of the benchmark, print the objective and its derivative.

    python examples/adbench/run.py gmm  FILE            objective and gradient
    python examples/adbench/run.py lstm FILE            objective and gradient
    python examples/adbench/run.py ba   FILE            residuals and the blocks of the Jacobian
    python examples/adbench/run.py hand FILE            residuals and Jacobian (model/ beside FILE or above it)

Each problem has a function `..._arguments` that reads a file, and one `..._derivative` that computes; tests and
benchmarks use the same.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np

import difflang as dl

HERE = Path(__file__).parent
Arguments = tuple[Any, ...]


@functools.cache
def program(name: str) -> dl.Module:
    """The module of a problem; its functions are compiled once for all sizes."""
    return dl.load(HERE / f"{name}.dl")


class Tokens:
    """The numbers of a file, taken from the front."""

    def __init__(self, path: Path) -> None:
        self.rest = path.read_text().split()
        self.place = 0

    @property
    def left(self) -> int:
        return len(self.rest) - self.place

    def floats(self, *shape: int) -> np.ndarray:
        count = int(np.prod(shape))
        self.place += count
        return np.array(self.rest[self.place - count : self.place], dtype=float).reshape(shape)

    def integers(self, count: int) -> list[int]:
        self.place += count
        return [int(token) for token in self.rest[self.place - count : self.place]]


# --- Gaussian mixture -----------------------------------------------------------------------------------


def gmm_arguments(path: Path) -> Arguments:
    """alpha, means, icf, x, gamma, m. The largest files hold one point, which stands for all n."""
    tokens = Tokens(path)
    d, k, n = tokens.integers(3)
    alpha, means = tokens.floats(k), tokens.floats(k, d)
    icf = tokens.floats(k, d * (d + 1) // 2)
    x = np.tile(tokens.floats(1, d), (n, 1)) if tokens.left == d + 2 else tokens.floats(n, d)
    gamma, m = float(tokens.floats(1)[0]), tokens.integers(1)[0]
    return alpha, means, icf, x, gamma, m


def gmm_derivative(*arguments: Any) -> tuple[float, np.ndarray]:
    """The objective, and its gradient in the benchmark's order: alpha, means, icf."""
    gradient = dl.value_and_grad(program("gmm").objective, wrt=("alpha", "means", "icf"))
    value, parts = gradient(*arguments)
    return value, np.concatenate([np.ravel(part) for part in parts])


# --- Bundle adjustment -----------------------------------------------------------------------------------


def ba_arguments(path: Path) -> Arguments:
    """Cameras, points, weights, features, and the camera and point of each observation."""
    tokens = Tokens(path)
    n, m, p = tokens.integers(3)
    cameras, points = np.tile(tokens.floats(11), (n, 1)), np.tile(tokens.floats(3), (m, 1))
    weights, features = np.tile(tokens.floats(1), p), np.tile(tokens.floats(2), (p, 1))
    return cameras, points, weights, features, np.arange(p) % n, np.arange(p) % m


def ba_residuals(*arguments: Any) -> tuple[np.ndarray, np.ndarray]:
    """The reprojection errors (p, 2) and the weight errors (p)."""
    return program("ba").reprojection_errors(*arguments), program("ba").weight_errors(arguments[2])


def ba_derivative(*arguments: Any) -> tuple[np.ndarray, np.ndarray]:
    """The blocks (p, 2, 15) and the slopes of the weight errors (p): all entries of the Jacobian other than zero."""
    return program("ba").blocks(*arguments), program("ba").weight_slopes(arguments[2])


# --- LSTM ----------------------------------------------------------------------------------------------------


def lstm_arguments(path: Path) -> Arguments:
    """main, extra, state, sequence."""
    tokens = Tokens(path)
    layers, c, b = tokens.integers(3)
    return tokens.floats(2 * layers, 4 * b), tokens.floats(3, b), tokens.floats(2 * layers, b), tokens.floats(c, b)


def lstm_derivative(*arguments: Any) -> tuple[float, np.ndarray]:
    """The objective, and its gradient in the main and the extra parameters."""
    value, parts = dl.value_and_grad(program("lstm").objective, wrt=("main", "extra"))(*arguments)
    return value, np.concatenate([np.ravel(part) for part in parts])


# --- Hand tracking ---------------------------------------------------------------------------------------------


def hand_model(folder: Path) -> dict[str, np.ndarray]:
    """The skeleton and the mesh, with the weights of the bones as a full matrix."""
    bones = [line.split(":") for line in (folder / "bones.txt").read_text().split("\n") if line]
    vertices = [line.split(":") for line in (folder / "vertices.txt").read_text().split("\n") if line]
    weights = np.zeros((len(vertices), len(bones)))
    for row, fields in zip(weights, vertices, strict=True):
        for pair in range(int(fields[8])):
            row[int(fields[9 + 2 * pair])] = float(fields[10 + 2 * pair])
    return {
        "parent": np.array([int(fields[1]) for fields in bones]),
        "base": np.array([fields[2:18] for fields in bones], dtype=float).reshape(-1, 4, 4),
        "inverse": np.array([fields[18:34] for fields in bones], dtype=float).reshape(-1, 4, 4),
        "vertices": np.array([fields[:3] for fields in vertices], dtype=float),
        "weights": weights,
    }


def hand_arguments(path: Path) -> Arguments:
    """theta, hand, vertex, points; for the complicated problem theta, u, hand, triangle, points."""
    tokens = Tokens(path)
    n, angles = tokens.integers(2)
    folder = next(place / "model" for place in path.resolve().parents if (place / "model").is_dir())
    hand, measured = hand_model(folder), tokens.floats(n, 4)
    index, points = measured[:, 0].astype(np.int64), measured[:, 1:].copy()
    if tokens.left == angles:
        return tokens.floats(angles), hand, index, points
    u, theta = tokens.floats(n, 2), tokens.floats(angles)
    triangles = np.array([line.split(":") for line in (folder / "triangles.txt").read_text().split()], dtype=np.int64)
    return theta, u, hand, triangles[index], points


def hand_residuals(*arguments: Any) -> np.ndarray:
    """3 N numbers, point by point."""
    name = "simple" if len(arguments) == 4 else "complicated"
    return np.ravel(getattr(program("hand"), name)(*arguments))


def hand_derivative(*arguments: Any) -> np.ndarray:
    """The Jacobian, 3N x 26, or 3N x 28 with the columns of each point's own u in front."""
    name = "simple_jacobian" if len(arguments) == 4 else "complicated_jacobian"
    blocks = getattr(program("hand"), name)(*arguments)
    return blocks.reshape(-1, blocks.shape[-1])


def main(problem: str, file: str) -> None:
    read = {"gmm": gmm_arguments, "ba": ba_arguments, "lstm": lstm_arguments, "hand": hand_arguments}
    arguments = read[problem](Path(file))
    np.set_printoptions(precision=12, threshold=60, linewidth=120)
    if problem in ("gmm", "lstm"):
        value, gradient = (gmm_derivative if problem == "gmm" else lstm_derivative)(*arguments)
        print(f"objective {value!r}\ngradient of length {len(gradient)}\n{gradient}")
    elif problem == "ba":
        print(f"residuals\n{ba_residuals(*arguments)}\nJacobian\n{ba_derivative(*arguments)}")
    else:
        print(f"residuals\n{hand_residuals(*arguments)}\nJacobian\n{hand_derivative(*arguments)}")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("gmm", "ba", "lstm", "hand"):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
