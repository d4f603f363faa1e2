"""How results are written: for people, as one line, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from difflang.runtime.files import plain


def value_lines(value: Any, name: str = "") -> Iterator[str]:
    """A value for people: a number or an array as it is, the parts of structs and tuples by name."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from value_lines(part, f"{name}.{key}" if name else key)
    elif isinstance(value, tuple):
        for position, part in enumerate(value):
            yield from value_lines(part, f"{name}[{position}]")
    else:
        text = value_text(value)
        separator = "\n" if "\n" in text else " "
        yield f"{name} ={separator}{text}" if name else text


def value_text(value: Any) -> str:
    """A number with all its digits; an array as NumPy shows it; a truth value as the language writes it."""
    if isinstance(value, bool | np.bool_):
        return _truth(value)
    if isinstance(value, np.ndarray):
        return np.array2string(value, separator=", ", max_line_width=100, formatter={"bool": _truth})
    return str(value)


def _truth(value: object) -> str:
    return "true" if value else "false"


def json_text(document: Any) -> str:
    """One JSON document; NaN and infinities as Python's json writes and reads them."""
    return json.dumps(plain(document), ensure_ascii=False)
