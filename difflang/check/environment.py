"""Scopes: what the names in a stretch of program stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from difflang.check.types import Type, is_int
from difflang.check.values import Number, Scalar, Value
from difflang.diagnostics.model import Span
from difflang.sizes import Size


@dataclass(frozen=True, slots=True)
class Binding:
    """A name's value. `type` is the declared type of a variable, which later assignments must fit."""

    value: Value
    mutable: bool = False
    span: Span | None = None
    type: Type | None = None


class Scope:
    """A chain of blocks, innermost first, that ends in a module. Values are replaced, never changed."""

    def __init__(self, parent: Scope | None) -> None:
        self.parent = parent
        self.bindings: dict[str, Binding] = {}
        self.types: dict[str, Type | Size] = {}

    def child(self) -> Scope:
        return Scope(self)

    def find(self, name: str) -> Binding | None:
        """The innermost binding of a name."""
        holder = self.holder(name)
        return holder.own(name) if holder else None

    def holder(self, name: str) -> Scope | None:
        """The innermost scope that binds a name."""
        scope: Scope | None = self
        while scope is not None and scope.own(name) is None:
            scope = scope.parent
        return scope

    def own(self, name: str) -> Binding | None:
        """The binding of a name in this very scope."""
        return self.bindings.get(name)

    def find_type(self, name: str) -> Type | Size | None:
        """What a size or type name is bound to; a value of that name, further in, hides it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.types:
                return scope.types[name]
            if name in scope.bindings:
                return None
            scope = scope.parent
        return None

    def bind(self, name: str, value: Value, span: Span | None = None, *, mutable: bool = False) -> None:
        self.bindings[name] = Binding(value, mutable, span)

    def replace(self, name: str, value: Value) -> None:
        """Gives a variable a new value, where it is bound."""
        holder = self.holder(name)
        assert holder is not None
        old = holder.bindings[name]
        holder.bindings[name] = Binding(value, old.mutable, old.span, old.type)

    def fork(self) -> Scope:
        """A copy of the blocks of the function around, for a branch that may or may not be taken."""
        if self.parent is None or self.is_root:
            return self
        copy = Scope(self.parent.fork())
        copy.bindings = dict(self.bindings)
        copy.types = dict(self.types)
        return copy

    @property
    def is_root(self) -> bool:
        """Whether this is the outermost scope of a module."""
        return False

    def visible(self) -> Iterator[str]:
        """Every name in scope, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope.names()
            scope = scope.parent

    def names(self) -> Iterator[str]:
        yield from self.bindings
        yield from self.types

    def size_names(self) -> Iterator[str]:
        """The names that may stand for sizes: sizes and ints, and at the top of the module whatever it defines."""
        scope: Scope | None = self
        while scope is not None:
            yield from (name for name, bound in scope.types.items() if isinstance(bound, Size))
            if scope.is_root:
                yield from scope.names()
                return
            yield from (name for name, bound in scope.bindings.items() if _is_whole(bound.value))
            scope = scope.parent

    def variables(self) -> dict[str, Binding]:
        """The variables (`var`) that code here can assign."""
        found: dict[str, Binding] = {}
        scope: Scope | None = self
        while scope is not None and not scope.is_root:
            for name, binding in scope.bindings.items():
                found.setdefault(name, binding)
            scope = scope.parent
        return {name: binding for name, binding in found.items() if binding.mutable}


def _is_whole(value: Value) -> bool:
    return isinstance(value, Number) or (isinstance(value, Scalar) and is_int(value.type))
