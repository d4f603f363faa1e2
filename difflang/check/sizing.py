"""Sizes and the Core atoms that hold them at run time.

A name in a `Size` stands for one run-time integer, unique in the whole elaboration. Names that come
from types are rigid: two different ones are never assumed equal. Names of integers computed by the
program (an `int` parameter, `n // 2`) are not: whether they agree is asked at run time.

No array has a size below 0. A range that runs backwards is empty: its length is the name `max(n - k, 0)`, which
stands for n - k or for 0, and proofs look at both. What an array is asked to have is checked, and then known.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Eqn, Literal, Var
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
        self._lengths: dict[str, Size] = {}
        self._naturals: set[str] = set()
        self._facts: list[tuple[Size, list[Eqn]]] = []
        self._globals: dict[str, Var] = {}
        self._reserved = reserved
        self._proven: set[tuple[Size, int]] = set()
        """Lower bounds that were proven once: a name keeps its value and its range."""

    # --- names ---

    def fresh(self, hint: str, atom: Atom, *, rigid: bool = False, natural: bool = False) -> Size:
        """A new name for the integer that `atom` holds; `natural` if that is never below 0."""
        name = hint
        while name in self._atoms or name in self._reserved:
            name += "'"
        if natural:
            self._naturals.add(name)
        return self._record(name, atom, rigid)

    def named(self, text: str, atom: Atom) -> Size:
        """The name `text`, which says how the value is computed: the same text always means the same value."""
        if self.known(text) is None:
            return self._record(text, atom, False)
        if isinstance(atom, Var):
            self._sizes.setdefault(atom, Size.name(text))
        return Size.name(text)

    def natural(self, text: str, atom: Atom) -> Size:
        """A name like those of `named`, for a value that is never below 0."""
        self._naturals.add(text)
        return self.named(text, atom)

    def length(self, size: Size) -> Size:
        """The number of steps of a range of `size`: a name for max(size, 0), unless it is certain which."""
        if size.constant is not None:
            return Size.literal(max(size.constant, 0))
        if self.is_natural(size):
            return size
        self._lengths[f"max({size}, 0)"] = size
        return self.natural(f"max({size}, 0)", self.dimension(size))

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
        length = self._length_in(difference)
        if length is not None:
            return self._compare_lengths(left, right, length)
        if all(self._is_rigid(name) for name in difference.atoms):
            return False
        return None

    def _compare_lengths(self, left: Size, right: Size, name: str) -> bool | None:
        """Both may hold what the range of this length has; where that is sure to be 0 or more, it alone counts."""
        whole, empty = (self.compare(*(side.substitute(to) for side in (left, right))) for to in self._cases(name))
        if whole is empty or self._assumed(self._lengths[name]):
            return whole
        return None

    def _length_in(self, size: Size) -> str | None:
        return next((name for name in reversed(size.atoms) if name in self._lengths), None)

    def _cases(self, name: str) -> tuple[dict[str, Size], dict[str, Size]]:
        """What the length of a range stands for: its difference, or 0."""
        return {name: self._lengths[name]}, {name: Size.literal(0)}

    def forward(self, size: Size) -> Size:
        """The size that is meant where no range runs backwards."""
        name = self._length_in(size)
        return size if name is None else self.forward(size.substitute(self._cases(name)[0]))

    def undecided_length(self, left: Size, right: Size) -> Size | None:
        """d, where two sizes are equal if, and only if, the range of length max(d, 0) does not run backwards."""
        difference = left - right
        name = self._length_in(difference)
        if name is None or difference.solve_for(name) is None:
            return None
        forward, _ = self._cases(name)
        return self._lengths[name] if difference.substitute(forward) == Size.literal(0) else None

    def is_natural(self, size: Size) -> bool:
        """Whether `size >= 0` is certain here, also from what was checked before."""
        return self.at_least(size, 0) or self._assumed(size)

    def assume(self, size: Size) -> None:
        """Records that the block that is open now has checked that `size >= 0`."""
        self._facts.append((size, self._builder.innermost))

    def assume_shape(self, shape: Sequence[Size]) -> None:
        """The sizes of an array that the block has are not below 0."""
        for size in shape:
            if not self.at_least(size, 0):
                self.assume(size)

    def _assumed(self, size: Size) -> bool:
        return any(self._builder.is_open(place) and self.at_least(size - fact, 0) for fact, place in self._facts)

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
                return self._never_negative(rest)
            smaller = self._smallest(rest, ranged)
            if smaller is None:
                return False
            rest = smaller
        return False

    def _never_negative(self, size: Size) -> bool:
        """Whether a size without loop variables is at least 0; the length of a range is the larger of its cases."""
        if all(c >= 0 and all(self._is_rigid(n) or n in self._naturals for n in m) for m, c in size.terms):
            return True
        length = self._length_in(size)
        if length is None:
            return self._never_negative_from_one(size)
        solved = size.solve_for(length)
        enough = any if solved is not None and solved[0] > 0 else all
        return enough(self.at_least(size.substitute(case), 0) for case in self._cases(length))

    def _never_negative_from_one(self, size: Size) -> bool:
        """Whether a polynomial in one name is at least 0 at 0, and by its coefficients from 1 on, as n*(n - 1)/2 is."""
        if len(size.atoms) != 1 or len(size.terms) < 2:
            return False
        (name,) = size.atoms
        first, rest = (size.substitute({name: at}) for at in (Size.literal(0), Size.name(name) + Size.literal(1)))
        return min(c for _, c in (*first.terms, *rest.terms)) >= 0 and (name in self._naturals or self._is_rigid(name))

    def _smallest(self, size: Size, name: str) -> Size | None:
        """The least value that `size` takes over the range of one loop variable."""
        solved = size.solve_for(name)
        if solved is None:
            return None
        coefficient, rest = solved
        start, stop = self._ranges[name]
        extreme = start if coefficient > 0 else stop - Size.literal(1)
        return rest + Size.literal(coefficient) * extreme

    def is_moderate(self, size: Size) -> bool:
        """Whether a value is made of sizes, indices and small numbers alone, so that it is far from the ends of int."""
        known = all(self._is_rigid(n) or n in self._ranges or n in self._naturals for n in size.atoms)
        return known and all(abs(coefficient) < 2**30 for _, coefficient in size.terms)

    def within(self, index: Size, extent: Size) -> bool:
        """Whether 0 <= index < extent is certain."""
        return self.at_least(index, 0) and self.at_least(extent - index, 1)

    def outside(self, index: Size, extent: Size) -> bool:
        """Whether an index is certainly not within: of loop variables nothing is, as the loop may make no step."""
        if any(name in self._ranges for name in (*index.atoms, *extent.atoms)):
            return False
        return self.at_least(index - extent, 0) or self.at_least(Size.literal(-1) - index, 0)


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
