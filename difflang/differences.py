"""Derivatives by extrapolated differences, with what is known of their error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Value = Callable[[float], npt.NDArray[Any]]

ROWS = 7
"""Steps whose differences are extrapolated, each half of the one before."""

NARROWINGS = (1.0, 2.0**-12, 2.0**-24)
"""What the first step is multiplied by while differences do not settle: the function may turn, jump or end near."""

TIGHT, USUAL, SINGLE = 1e-9, 1e-6, 1e-2
"""Tolerances: against differences in extended precision, in double precision, and for programs in f32."""

UNSETTLED = 1e-6
"""The largest part of a derivative that is forgiven where extrapolation did not settle."""


@dataclass(frozen=True, slots=True)
class Differences:
    """A derivative along a direction; `change` is that of the last extrapolation, `noise` is what rounding may add.

    `precision` is that of the values ("double" or "extended"), `tolerance` what a tangent is to be held to.
    """

    values: Vector
    change: float
    noise: float
    precision: str = "double"
    tolerance: float = USUAL

    @property
    def error(self) -> float:
        return self.change + self.noise

    def distance(self, tangent: Vector, floor: float) -> float:
        """The largest difference to a tangent beyond what differences leave open, relative to the size of both.

        `floor` is the least size: below it the difference is absolute. Infinite where differences are no numbers.
        """
        apart = largest(tangent - self.values)
        if not np.isfinite(apart):
            return np.inf
        scale = max(floor, largest(tangent), largest(self.values))
        return max(0.0, apart - self.noise - min(10 * self.change, UNSETTLED * scale)) / scale


def largest(vector: npt.NDArray[Any]) -> float:
    """The largest absolute value; infinite where one is no number."""
    sizes = np.abs(vector)
    return float(np.where(np.isnan(sizes), np.inf, sizes).max(initial=0.0))


def differences(value: Value, step: float, precision: float) -> Differences:
    """The derivative of `value` at 0 from steps of at most `step`; `precision` is the rounding unit of the values."""
    best = _extrapolated(value, step, precision)
    for narrowing in NARROWINGS[1:]:
        if best.error <= precision**0.6 * max(1e-6, np.abs(best.values).max(initial=0.0)):
            break
        found = _extrapolated(value, step * narrowing, precision)
        if found.error < best.error:
            best = found
    return best


@np.errstate(invalid="ignore", over="ignore", divide="ignore")
def _extrapolated(value: Value, step: float, precision: float) -> Differences:
    """Ridders' method: central differences at shrinking steps, extrapolated to zero.

    C. J. F. Ridders, Accurate computation of F'(x) and F'(x)F''(x) (1982).
    """
    table: list[list[npt.NDArray[Any]]] = []
    best, smallest, noise = np.array(np.nan), np.inf, np.inf
    for row in range(ROWS):
        width = step / 2**row
        above, below = value(width), value(-width)
        table.append([(above - below) / (2 * width)])
        for k in range(1, row + 1):
            table[row].append(table[row][k - 1] + (table[row][k - 1] - table[row - 1][k - 1]) / (4**k - 1))
            change = largest(table[row][k] - table[row][k - 1])
            if change < smallest:
                rounding = precision * max(largest(above), largest(below)) / width
                best, smallest, noise = table[row][k], change, rounding
    return Differences(best.astype(np.float64), smallest, noise)
