"""Sizes from the shapes of arguments: the first mention binds a size, every later one is checked."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from fractions import Fraction

from difflang.diagnostics import DiffLangError, Label, Span, error
from difflang.runtime.types import Leaf, leaf_text
from difflang.sizes import Size

_Pending = tuple[Leaf, int, int, tuple[int, ...], Span | None]


class SizeBinder:
    """Collects the values of size names. `given` are names with values already, such as `int` parameters.

    A dimension like `4*b` binds `b` when nothing else is unknown in it; a dimension with products or several
    unknown names (`n*(n+1)/2`) waits until other arguments have bound them, and is then checked.
    """

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self._origin: dict[str, tuple[str, Span | None]] = {}
        self._pending: list[_Pending] = []

    def bind(self, name: str, value: int, origin: str, span: Span | None = None) -> None:
        """Fixes a name; `origin` says in messages where the value came from."""
        if name not in self.values:
            self.values[name] = value
            self._origin[name] = (origin, span)

    def shape(self, leaf: Leaf, actual: Sequence[int], span: Span | None = None) -> None:
        """Binds and checks the dimensions of a leaf whose rank is right already. Raises E0605 on a mismatch."""
        for axis, extent in enumerate(actual):
            entry = (leaf, axis, extent, tuple(actual), span)
            if not self._settle(entry):
                self._pending.append(entry)

    def finish(self, names: Sequence[str]) -> list[int]:
        """The values of all `names`, after the dimensions that had to wait. Raises E0404 for one that nothing tells."""
        while self._pending:
            waiting = [entry for entry in self._pending if not self._settle(entry)]
            if len(waiting) == len(self._pending):
                raise self._undetermined(waiting[0])
            self._pending = waiting
        for name in names:
            if name not in self.values and self.evaluate(Size.name(name)) is None:
                hint = f"Give an array whose type mentions `{name}`, or make it a parameter: `{name}: int`."
                raise error("E0404", f"No argument tells the size `{name}`.", hint=hint)
        return [self._atom(name) for name in names]

    def evaluate(self, size: Size) -> int | None:
        """The value of a size expression, or None where a name in it is unknown. Raises ValueError if inexact."""
        try:
            name = plain_name(size)
            return self.values[name] if name is not None else size.evaluate(self._atom)
        except KeyError:
            return None

    def _atom(self, name: str) -> int:
        if name in self.values:
            return self.values[name]
        return _evaluate_text(name, self.values)

    def _settle(self, entry: _Pending) -> bool:
        leaf, axis, extent, _, span = entry
        size = leaf.shape[axis]
        name = plain_name(size)
        if name is not None and name not in self.values:
            self.bind(name, extent, leaf.path, span)
            return True
        try:
            expected = self.evaluate(size)
        except ValueError:
            raise self._mismatch(entry, "a whole number") from None
        if expected is not None:
            if expected != extent:
                raise self._mismatch(entry, str(expected))
            return True
        unknown = [name for name in size.atoms if name not in self.values]
        solved = size.solve_for(unknown[0]) if len(unknown) == 1 and unknown[0].isidentifier() else None
        if solved is None:
            return False
        coefficient, rest = solved
        offset = self.evaluate(rest)
        value = Fraction(extent - (offset or 0)) / coefficient
        if value.denominator != 1 or value < 0:
            raise self._mismatch(entry, None)
        self.bind(unknown[0], int(value), leaf.path, span)
        return True

    def _mismatch(self, entry: _Pending, expected: str | None) -> DiffLangError:
        leaf, axis, extent, actual, span = entry
        size = leaf.shape[axis]
        known = ", ".join(self._known(name) for name in size.atoms if name in self.values)
        message = f"`{leaf.path}` has shape {actual}, but its type is {leaf_text(leaf)}"
        message += f" with {known}: " if known else ": "
        where = f"dimension {axis + 1} is {extent}"
        message += (
            f"{where}, not {expected}." if expected else f"{where}, and no size makes `{size}` equal to {extent}."
        )
        labels = [
            Label(self._origin[name][1], f"`{name}` is {self.values[name]} here")  # pyright: ignore[reportArgumentType]
            for name in size.atoms
            if name in self._origin and self._origin[name][1] not in (None, span)
        ]
        wanted = self._wanted_shape(leaf)
        hint = (
            f"Give `{leaf.path}` with shape {wanted}." if wanted else f"Give `{leaf.path}` a shape that fits its type."
        )
        return error("E0605", message, span, *labels, hint=hint)

    def _known(self, name: str) -> str:
        origin = self._origin.get(name, ("", None))[0]
        return f"{name} = {self.values[name]}" + (f" (from `{origin}`)" if origin and origin != name else "")

    def _wanted_shape(self, leaf: Leaf) -> str | None:
        try:
            sizes = [self.evaluate(size) for size in leaf.shape]
        except ValueError:
            return None
        texts = [str(size) if value is None else str(value) for size, value in zip(leaf.shape, sizes, strict=True)]
        return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"

    def _undetermined(self, entry: _Pending) -> DiffLangError:
        leaf, axis, _, _, span = entry
        unknown = [name for name in leaf.shape[axis].atoms if name not in self.values]
        names = " and ".join(f"`{name}`" for name in unknown)
        message = f"The size {names} in the type of `{leaf.path}`, {leaf_text(leaf)}, cannot be found from its shape."
        hint = f"Mention {names} alone in the type of an argument, or pass it as an `int` parameter of that name."
        return error("E0404", message, span, hint=hint)


def plain_name(size: Size) -> str | None:
    """`n` for the size n, which is what nearly every dimension is; None for an expression."""
    if len(size.terms) == 1 and len(size.terms[0][0]) == 1 and size.terms[0][1] == 1:
        name = size.terms[0][0][0]
        return name if name.isidentifier() else None
    return None


_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def _evaluate_text(text: str, values: dict[str, int]) -> int:
    """An atom that is no plain name, such as `n // 2`. Raises KeyError for an unknown name or operation."""
    try:
        return _evaluate_node(ast.parse(text, mode="eval").body, values)
    except (SyntaxError, ZeroDivisionError):
        raise KeyError(text) from None


def _evaluate_node(node: ast.expr, values: dict[str, int]) -> int:
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_evaluate_node(node.left, values), _evaluate_node(node.right, values))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("min", "max"):
        choose = min if node.func.id == "min" else max
        return choose(_evaluate_node(argument, values) for argument in node.args)
    raise KeyError(ast.unparse(node))
