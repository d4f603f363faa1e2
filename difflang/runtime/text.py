"""How values look in messages and in what a program prints: one place for every backend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

_PLACE = re.compile(r"\{(\d+)\}")


def show(value: Any) -> str:
    """A scalar or array as text: shortest digits that give the number back, `true`/`false`, arrays in brackets."""
    array = np.asarray(value)
    if array.ndim:
        return np.array2string(array, separator=", ", threshold=200, formatter={"bool": _boolean})
    if array.dtype.kind == "b":
        return _boolean(array[()])
    return str(array[()])


def _boolean(value: Any) -> str:
    return "true" if value else "false"


def fill(template: str, values: Sequence[Any]) -> str:
    """`{k}` in the template stands for `values[k]`; any other brace is itself."""

    def replace(match: re.Match[str]) -> str:
        place = int(match[1])
        return show(values[place]) if place < len(values) else match[0]

    return _PLACE.sub(replace, template)
