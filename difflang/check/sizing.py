"""Sizes and the Core atoms that hold them at run time.

A name in a `Size` stands for one run-time integer, unique in the whole elaboration. Names that come
from types are rigid: two different ones are never assumed equal. Names of integers computed by the
program (an `int` parameter, `n // 2`) are not: whether they agree is asked at run time.
"""

from __future__ import annotations

from itertools import product

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Literal, Var
from difflang.core.ops import I64, integer
from difflang.diagnostics.model import error
from difflang.sizes import Size


class SizeTable:
    """The names of one elaboration: their atoms, their ranges, and the atoms of polynomials over them.

    `reserved` are the names of sizes that `data` items bind; their variables are made when first used.
    """

    def __init__(self, builder: Builder, reserved: frozenset[str]) -> None:
        self._builder = builder
        self._atoms: dict[str, Atom] = {}
        self._rigid: set[str] = set()
        self._sizes: dict[Var, Size] = {}
        self._emitted: dict[tuple[Size, bool], Atom] = {}
        self._ranges: dict[str, tuple[Size, Size]] = {}
        self._globals: dict[str, Var] = {}
        self._reserved = reserved
        self._proven: set[tuple[Size, int]] = set()
        """Lower bounds that were proven once: a name keeps its value and its range."""

    # --- names ---

    def fresh(self, hint: str, atom: Atom, *, rigid: bool = False) -> Size:
        """A new name for the integer that `atom` holds."""
        name = hint
        while name in self._atoms or name in self._reserved:
            name += "'"
        return self._record(name, atom, rigid)

    def named(self, text: str, atom: Atom) -> Size:
        """The name `text`, which says how the value is computed: the same text always means the same value."""
        if self.known(text) is None:
            return self._record(text, atom, False)
        if isinstance(atom, Var):
            self._sizes.setdefault(atom, Size.name(text))
        return Size.name(text)

    def _record(self, name: str, atom: Atom, rigid: bool) -> Size:
        self._atoms[name] = atom
        if rigid:
            self._rigid.add(name)
        size = Size.name(name)
        if isinstance(atom, Var):
            self._sizes[atom] = size
        return size

    def _atom(self, name: str) -> Atom:
        """The atom of a name. What has none yet is a size of a data item."""
        if name not in self._atoms:
            self._globals[name] = Var(I64, name)
            self._record(name, self._globals[name], True)
        return self._atoms[name]

    def _visible(self, name: str) -> Atom:
        """The atom of a name. Raises E0406 where it was computed in a region that has ended."""
        atom = self._atom(name)
        if not self._builder.in_scope(atom):
            raise error(
                "E0406", f"the size {name} is computed inside the branch or loop that makes this array",
                self._builder.span, hint="compute the size before the loop or branch, and give all cases the same size",
            )  # fmt: skip
        return atom

    def is_global(self, name: str) -> bool:
        """Whether a name is a size that a data item binds."""
        return name in self._globals or name not in self._atoms

    def is_used(self, name: str) -> bool:
        return name in self._globals

    def global_vars(self) -> list[Var]:
        return list(self._globals.values())

    def of_atom(self, atom: Atom) -> Size:
        """The size that an i64 atom holds; a new name where nothing is known of it."""
        if isinstance(atom, Literal):
            return Size.literal(int(atom.value))
        if atom not in self._sizes:
            return self.fresh(atom.name or "size", atom)
        return self._sizes[atom]

    def known(self, text: str) -> Atom | None:
        """The atom of a name, if it may be used here."""
        atom = self._atoms.get(text)
        return atom if atom is not None and self._builder.in_scope(atom) else None

    def available(self, size: Size) -> bool:
        """Whether all that a size depends on may be used here."""
        return all(self._builder.in_scope(self._atom(name)) for name in size.atoms)

    # --- atoms ---

    def dimension(self, size: Size) -> Atom:
        """The atom for a dimension: the value of `size`, or 0 where that is negative."""
        return self._emit(size, clamped=not self.at_least(size, 0))

    def value(self, size: Size) -> Atom:
        """The atom with the value of `size`."""
        return self._emit(size, clamped=False)

    def _emit(self, size: Size, clamped: bool) -> Atom:
        cached = self._emitted.get((size, clamped))
        if cached is not None and self._builder.in_scope(cached):
            return cached
        atom = self._builder.hoisted("max", self.value(size), integer(0)) if clamped else self._polynomial(size)
        self._emitted[size, clamped] = atom
        if isinstance(atom, Var):
            self._sizes.setdefault(atom, size)
        return atom

    def _polynomial(self, size: Size) -> Atom:
        """Σ cᵢ mᵢ over the common denominator, divided at the end (exactly: `unify` has seen to that)."""
        denominator = size.denominator
        total: Atom = integer(0)
        for monomial, coefficient in size.terms:
            product: Atom = integer(int(coefficient * denominator))
            for name in monomial:
                product = self._times(product, self._visible(name))
            total = self._plus(total, product)
        return total if denominator == 1 else self._builder.hoisted("floordiv", total, integer(denominator))

    def _times(self, left: Atom, right: Atom) -> Atom:
        if isinstance(left, Literal) and left.value == 1:
            return right
        return self._builder.hoisted("mul", left, right)

    def _plus(self, left: Atom, right: Atom) -> Atom:
        if isinstance(left, Literal) and left.value == 0:
            return right
        if isinstance(right, Literal) and right.value == 0:
            return left
        return self._builder.hoisted("add", left, right)

    # --- what is provable ---

    def compare(self, left: Size, right: Size) -> bool | None:
        """True: always equal. False: different names or numbers. None: known at run time only."""
        if left == right:
            return True
        difference = left - right
        if all(self._is_rigid(name) for name in difference.atoms):
            return False
        return None

    def _is_rigid(self, name: str) -> bool:
        return name in self._rigid or name not in self._atoms

    def limit(self, name: Size, start: Size, stop: Size) -> None:
        """Records that a loop variable lies in start .. stop - 1."""
        self._ranges[name.atoms[0]] = (start, stop)

    def at_least(self, size: Size, bound: int) -> bool:
        """Whether `size >= bound` is certain, from the ranges of loop variables and from sizes being >= 0."""
        constant = size.constant
        if constant is not None:
            return constant >= bound
        proven = (size, bound) in self._proven or self._prove(size, bound)
        if proven:
            self._proven.add((size, bound))
        return proven

    def _prove(self, size: Size, bound: int) -> bool:
        rest = size - Size.literal(bound)
        for _ in range(8):
            ranged = next((n for n in reversed(rest.atoms) if n in self._ranges), None)
            if ranged is None:
                return all(c >= 0 and all(self._is_rigid(n) for n in m) for m, c in rest.terms)
            smaller = self._smallest(rest, ranged)
            if smaller is None:
                return False
            rest = smaller
        return False

    def _smallest(self, size: Size, name: str) -> Size | None:
        """The least value that `size` takes over the range of one loop variable."""
        solved = size.solve_for(name)
        if solved is None:
            return None
        coefficient, rest = solved
        start, stop = self._ranges[name]
        extreme = start if coefficient > 0 else stop - Size.literal(1)
        return rest + Size.literal(coefficient) * extreme

    def within(self, index: Size, extent: Size) -> bool:
        """Whether 0 <= index < extent is certain."""
        return self.at_least(index, 0) and self.at_least(extent - index, 1)


def always_whole(value: Size) -> bool:
    """A polynomial is whole at all integers if it is at 0..degree in each variable (Pólya 1915)."""
    if value.denominator == 1:
        return True
    names = value.atoms
    degrees = [max(m.count(name) for m, _ in value.terms) for name in names]
    for point in product(*(range(d + 1) for d in degrees)):
        try:
            value.evaluate(dict(zip(names, point, strict=True)).__getitem__)
        except ValueError:
            return False
    return True
