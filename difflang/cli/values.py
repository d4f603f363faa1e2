"""Arguments of a function from the command line: NAME=VALUE, NAME=@FILE, and NAME.FIELD=... for structs."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from typing import Any

from difflang.diagnostics import DiffLangError, error
from difflang.diagnostics.suggest import did_you_mean, listing
from difflang.signature import StructType, ValueType

CONSTANTS = {
    "true": True, "false": False, "True": True, "False": False,
    "inf": math.inf, "nan": math.nan, "pi": math.pi, "NaN": math.nan, "Infinity": math.inf,
}  # fmt: skip


class FileReference(str):
    """The FILE of NAME=@FILE, read once the type of NAME is known."""


def assignments(words: Sequence[str]) -> dict[str, Any]:
    """The words of a command line by name; fields of structs as nested dicts.

    Raises E0908 for a word that is no assignment or no value, E0609 for a name given twice.
    """
    tree: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        parts = name.split(".")
        if not equals or not all(part.isidentifier() for part in parts):
            hint = "Write arguments as NAME=VALUE (steps=500, x=[1, 2, 3]) or NAME=@FILE (x=@data.npy)."
            raise error("E0908", f"`{word}` is no argument.", hint=hint)
        if text == "@":
            raise error("E0908", f"`{word}` names no file.", hint=f"Write the file behind the `@`: `{name}=@data.npy`.")
        _insert(tree, parts, FileReference(text[1:]) if text.startswith("@") else parse_value(name, text))
    return tree


def _insert(tree: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    *folders, last = parts
    node: Any = tree
    for folder in folders:
        node = node.setdefault(folder, {}) if isinstance(node, dict) else None
    if not isinstance(node, dict) or last in node:
        name = ".".join(parts)
        raise error("E0609", f"`{name}` is given twice.", hint=f"Keep one of the values of `{name}`.")
    node[last] = value


def parse_value(name: str, text: str) -> Any:
    """A number, a truth value, a list `[1, 2]`, a tuple `(1, 2)` or a struct `{"w": [1], "b": 0}`. Raises E0908."""
    try:
        return _literal(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _no_value(name, text) from None


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        if isinstance(node.value, float) and math.isinf(node.value):
            raise ValueError("too large")
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _literal(node.operand)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("no number")
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Name) and node.id in CONSTANTS:
        return CONSTANTS[node.id]
    if isinstance(node, ast.List):
        return [_literal(element) for element in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(element) for element in node.elts)
    if isinstance(node, ast.Dict):
        return {_key(key): _literal(value) for key, value in zip(node.keys, node.values, strict=True)}
    raise ValueError("no value")


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ValueError("no field name")


def _no_value(name: str, text: str) -> DiffLangError:
    shown = text if len(text) <= 40 else text[:40] + "..."
    if not text.strip():
        return error("E0908", f"`{name}=` lacks its value.", hint=f"Write a value: `{name}=1.5`.")
    hint = "Write a number, true or false, or a list such as [1, 2, 3]; in a shell, quote what has spaces."
    if text.endswith((".npy", ".npz", ".csv", ".json")):
        hint = f"To read a file, write `{name}=@{text}`."
    return error("E0908", f"`{shown}` is no value for `{name}`.", hint=hint)


def resolve(tree: Mapping[str, Any], types: Mapping[str, ValueType]) -> dict[str, Any]:
    """The arguments with the files read, each by the type of its parameter. Raises E07xx and E0907."""
    return {name: _resolved(value, types.get(name), name) for name, value in tree.items()}


def _resolved(value: Any, type_: ValueType | None, path: str) -> Any:
    if isinstance(value, dict):
        fields = dict(type_.fields) if isinstance(type_, StructType) else {}
        return {name: _resolved(part, fields.get(name), f"{path}.{name}") for name, part in value.items()}
    if isinstance(value, FileReference) and type_ is not None:
        from difflang.runtime import files
        from difflang.runtime.sources import require_argument_file

        return files.load(require_argument_file(value, path), type_, path)
    return value


def unknown_argument(function: str, name: str, names: Sequence[str]) -> DiffLangError:
    hint = did_you_mean(name, names, f"It has {listing(names)}." if names else "It has no parameters.")
    return error("E0602", f"`{function}` has no parameter `{name}`.", hint=hint)
