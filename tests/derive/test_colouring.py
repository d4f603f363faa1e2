"""Star colourings: by their definition on random graphs, and the places from which entries are taken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Func
from difflang.derive.colouring import sources, star_colours
from difflang.derive.compressed import rows_of_pairs
from tests.derive.toolkit import function, run


def coloured() -> Func:
    """Colours, their number, the entries, and the row and the colour where each is found."""

    def body(b: Builder, n: Atom, k: Atom, i: Atom, j: Atom) -> Sequence[Atom]:
        rows = rows_of_pairs(b, i, j, n, n)
        colour, most = star_colours(b, rows)
        return [colour, most, rows.rows, rows.columns, *sources(b, rows, colour)]

    return function("n:i64 k i[k]:i64 j[k]:i64", body)


def two_coloured_path(neighbours: Sequence[set[int]], colour: np.ndarray) -> bool:
    """Whether there is a path on four vertices with two colours: the definition, by enumeration."""
    for a, around in enumerate(neighbours):
        for b in around:
            for c in neighbours[b] - {a}:
                if colour[c] == colour[a] and any(colour[d] == colour[b] for d in neighbours[c] - {a, b}):
                    return True
    return False


def graphs() -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    found = {f"random {k}": random.random((12, 12)) < p for k, p in enumerate((0.05, 0.1, 0.15, 0.25, 0.4, 0.9))}
    path = np.eye(12, k=1, dtype=bool)
    found |= {"none": np.zeros((12, 12), bool), "path": path, "ring": path | np.eye(12, k=11, dtype=bool)}
    star = np.zeros((12, 12), bool)
    star[5] = True
    grid = np.kron(np.eye(3), np.eye(4, k=1)) + np.kron(np.eye(3, k=1), np.eye(4)) > 0
    return found | {"star": star, "grid": grid}


MOST = {"none": 1, "path": 3, "ring": 4, "star": 2, "grid": 5}
"""What the greedy colouring must reach; a grid of at least 4 by 4 has the star chromatic number 5."""


@pytest.mark.parametrize("name", graphs())
@pytest.mark.parametrize("diagonal", [True, False])
def test_star_colourings(name: str, diagonal: bool) -> None:
    matrix = graphs()[name]
    matrix = np.triu(matrix | matrix.T, 1)
    matrix = matrix | matrix.T | (np.eye(12, dtype=bool) & diagonal)
    i, j = np.nonzero(matrix)
    colour, most, rows, columns, at, there = run(coloured(), 12, i.size, i, j)
    neighbours = [set(np.flatnonzero(line)) - {k} for k, line in enumerate(matrix)]
    assert all(colour[a] != colour[b] for a, around in enumerate(neighbours) for b in around)
    assert not two_coloured_path(neighbours, colour)
    used = colour[matrix.any(axis=1)]
    assert most == (used.max() + 1 if used.size else 0) <= MOST.get(name, 12)
    check_recovery(matrix, colour, rows, columns, at, there)


def check_recovery(
    matrix: np.ndarray,
    colour: np.ndarray,
    rows: Sequence[int],
    columns: Sequence[int],
    at: np.ndarray,
    there: np.ndarray,
) -> None:
    """The sums of the columns of each colour hold every entry of a symmetric matrix by itself."""
    values = np.random.default_rng(1).integers(1, 1000, matrix.shape)
    values = (values + values.T) * matrix
    sums = np.array([values[:, colour == c].sum(axis=1) for c in range(13)]).T
    np.testing.assert_array_equal(sums[at, there], values[rows, columns])
