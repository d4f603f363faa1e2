"""How values look in messages and in what a program prints: one place for every backend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

_PLACE = re.compile(r"\{\{|\{(\d+)\}")


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


def quoted(text: str) -> str:
    """A text of the user's as part of a template, in which its braces are braces."""
    return text.replace("{", "{{")


def pieces(template: str) -> list[str | int]:
    """The parts of a template: texts, and the numbers of the values between them.

    `{k}` stands for value k and `{{` for a brace; any other brace is itself.
    """
    found: list[str | int] = []
    position = 0
    for match in _PLACE.finditer(template):
        found.append(template[position : match.start()] + ("{" if match[1] is None else ""))
        found += [int(match[1])] if match[1] else []
        position = match.end()
    return [*found, template[position:]]


def fill(template: str, values: Sequence[Any]) -> str:
    """The text of a template with these values; a place without a value is itself."""
    parts = (part if isinstance(part, str) else _filled(part, values) for part in pieces(template))
    return "".join(parts)


def _filled(place: int, values: Sequence[Any]) -> str:
    return show(values[place]) if place < len(values) else f"{{{place}}}"
