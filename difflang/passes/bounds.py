"""Proofs that an index is in range, from the extents of the loops around it.

An index is brought into affine form over loop indices and sizes. Its largest value replaces each loop index
by its extent less one where it counts positively and by 0 where negatively, innermost loop first; what is left
must stay below the dimension for every size >= 0, and for every extent >= 1 of a loop whose index was replaced: where
the extent is below 1 the loop does not run.
An index that is in range on both sides is in range whatever wrapped around on the way to it. A comparison says
something about numbers, and one side of a range about the other, only where nothing can have wrapped around: in forms
over sizes and indices, which are small (`is_exact`).
A proof rests only on loops whose index occurs in the subscript, so it holds wherever the subscript has a meaning;
unless something is `assumed`, as in a branch: then it holds there.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from difflang.core.ir import Atom, Eqn, Literal, Var

LARGEST_CONSTANT = 1 << 40
"""Beyond it, wrapping of i64 could make an affine form wrong."""

ARITHMETIC = frozenset({"add", "sub", "mul", "neg"})

LARGEST_FORM = 8
"""Terms; longer forms are not worth a proof."""

OPPOSITE = {"lt": "ge", "ge": "lt", "le": "gt", "gt": "le", "eq": "ne", "ne": "eq"}
COMPARISONS = frozenset({*OPPOSITE, "and", "or", "not"})


@dataclass(frozen=True, slots=True)
class Affine:
    """constant + sum of coefficient * variable"""

    constant: int
    terms: dict[Var, int]

    def plus(self, other: Affine, factor: int = 1) -> Affine:
        terms = dict(self.terms)
        for variable, coefficient in other.terms.items():
            terms[variable] = terms.get(variable, 0) + factor * coefficient
        return Affine(self.constant + factor * other.constant, {v: c for v, c in terms.items() if c})


class Bounds:
    """What is known about the integers of a function, filled in as a pass walks over it."""

    def __init__(self) -> None:
        self.forms: dict[Var, Affine] = {}
        self.extents: dict[Var, Atom] = {}
        self.clamped: dict[Atom, Atom] = {}
        self.order: dict[Var, int] = {}
        self.sizes: set[Var] = set()
        self.moderate: set[Var] = set()
        """Sizes, and the least and the largest of such and of indices: sums of a few of them do not wrap around."""
        self.predicates: dict[Var, Eqn] = {}
        self.divisors: dict[Atom, Atom] = {}
        self.facts: list[Affine] = []
        """Forms that are at least 0."""

    def loop(self, indices: Sequence[Var], extents: Sequence[Atom]) -> None:
        """Inside a loop nest, each index runs from 0 below its extent; below x, if the extent is max(x, 0) or either x
        or 0."""
        for index, extent in zip(indices, extents, strict=True):
            self.extents[index] = self.clamped.get(extent, extent)
            self.order[index] = len(self.order)

    def dimensions(self, variables: Sequence[Var]) -> None:
        """The sizes in types are at least 0."""
        for variable in variables:
            if variable.type.shape:
                sizes = [dim for dim in variable.type.shape if isinstance(dim, Var)]
                self.sizes.update(sizes)
                self.moderate.update(sizes)

    def define(self, eqn: Eqn) -> None:
        """Remembers the affine form of an integer sum, difference or multiple, and what comparisons compare."""
        if eqn.op in COMPARISONS:
            self.predicates[eqn.outs[0]] = eqn
        if eqn.op == "mod" and eqn.outs[0].type.dtype == "i64":
            self.divisors[eqn.outs[0]] = eqn.args[1]
        if eqn.op in ("max", "min") and eqn.outs[0].type.dtype == "i64":
            self._define_extreme(eqn)
        if eqn.op in ("max", "select") and eqn.args[-1] == Literal(0, "i64"):
            self.clamped[eqn.outs[0]] = eqn.args[-2]
        if eqn.op in ARITHMETIC and eqn.outs[0].type.dtype == "i64":
            form = self._combine(eqn.op, [self.form(arg) for arg in eqn.args])
            if form is not None and len(form.terms) <= LARGEST_FORM and abs(form.constant) < LARGEST_CONSTANT:
                self.forms[eqn.outs[0]] = form

    def _define_extreme(self, eqn: Eqn) -> None:
        """The largest or the least of some integers."""
        forms = [self.form(arg) for arg in eqn.args]
        sign = 1 if eqn.op == "max" else -1
        self.facts += [Affine(0, {eqn.outs[0]: sign}).plus(form, -sign) for form in forms if self.is_exact(form)]
        if all(self._is_small(v) for form in forms for v in form.terms):
            self.moderate.add(eqn.outs[0])

    def is_exact(self, form: Affine) -> bool:
        """Whether no sum or multiple that has this form can have wrapped around."""
        if not form.constant and list(form.terms.values()) == [1]:
            return True
        return all(self._is_small(v) or self._is_start(v, form) for v in form.terms)

    def _is_small(self, variable: Var) -> bool:
        return variable in self.moderate or variable in self.extents

    def _is_start(self, variable: Var, form: Affine) -> bool:
        """Whether the range of an index begins at a variable that is added to it in a form, and ends at a size."""
        indices = (v for v, c in form.terms.items() if v in self.extents and c == form.terms[variable] == 1)
        ends = (self.form(self.extents[index]).plus(Affine(0, {variable: 1})) for index in indices)
        return any(all(map(self._is_small, end.terms)) for end in ends)

    def _combine(self, op: str, forms: list[Affine]) -> Affine | None:
        if op == "neg":
            return Affine(0, {}).plus(forms[0], -1)
        left, right = forms
        if op != "mul":
            return left.plus(right, 1 if op == "add" else -1)
        if left.terms and right.terms:
            return None
        factor, form = (left.constant, right) if not left.terms else (right.constant, left)
        return Affine(0, {}).plus(form, factor)

    def form(self, atom: Atom) -> Affine:
        if isinstance(atom, Literal):
            return Affine(int(atom.value), {})
        return self.forms.get(atom, Affine(0, {atom: 1}))

    @contextmanager
    def assuming(self, predicate: Atom, holds: bool) -> Generator[None]:
        """Meanwhile the predicate is known to be true (or false)."""
        known = len(self.facts)
        self._assume(predicate, holds)
        yield
        del self.facts[known:]

    @contextmanager
    def region(self) -> Generator[None]:
        """Inside a block: it need not run, so the sizes of what it makes are not known to be small behind it."""
        moderate = set(self.moderate)
        yield
        self.moderate = moderate

    def _assume(self, predicate: Atom, holds: bool) -> None:
        eqn = self.predicates.get(predicate) if isinstance(predicate, Var) else None
        if eqn is None:
            return
        if eqn.op == "not":
            self._assume(eqn.args[0], not holds)
        elif eqn.op in ("and", "or"):
            if holds == (eqn.op == "and"):
                self._assume(eqn.args[0], holds)
                self._assume(eqn.args[1], holds)
        elif eqn.args[0].type.dtype == "i64":
            self._assume_order(eqn.op if holds else OPPOSITE[eqn.op], *(self.form(arg) for arg in eqn.args))

    def _assume_order(self, comparison: str, left: Affine, right: Affine) -> None:
        """left < right says right - left - 1 >= 0; and so on."""
        if not (self.is_exact(left) and self.is_exact(right)):
            return
        if comparison in ("gt", "ge"):
            comparison, left, right = {"gt": "lt", "ge": "le"}[comparison], right, left
        above, below, one = right.plus(left, -1), left.plus(right, -1), Affine(-1, {})
        match comparison:
            case "lt":
                self.facts.append(above.plus(one))
            case "le":
                self.facts.append(above)
            case "eq":
                self.facts += [above, below]
            case _:
                self.facts += [gap.plus(one) for gap in (above, below) if self.never_negative(gap)]

    def outcome(self, comparison: Eqn) -> bool | None:
        """Whether a comparison of integers always holds, or never; None if neither is known."""
        left, right = (self.form(arg) for arg in comparison.args)
        above, below, one = right.plus(left, -1), left.plus(right, -1), Affine(-1, {})
        match comparison.op:
            case "lt" | "ge":
                surely, never = self.never_negative(above.plus(one)), self.never_negative(below)
            case "le" | "gt":
                surely, never = self.never_negative(above), self.never_negative(below.plus(one))
            case _:
                surely = self.never_negative(above) and self.never_negative(below)
                never = any(self.never_negative(gap.plus(one)) for gap in (above, below))
        if not surely and not never:
            return None
        return surely == (comparison.op in ("lt", "le", "eq"))

    def proved(self, indices: Sequence[Atom], shape: Sequence[Atom]) -> bool:
        """Whether every index is in range of its dimension."""
        return all(self.in_range(index, dim) for index, dim in zip(indices, shape, strict=False))

    def in_range(self, index: Atom, dim: Atom) -> bool:
        if self._runs_over(index, dim):
            return True
        if index in self.divisors and self.form(self.divisors[index]) == self.form(dim):
            return self.is_natural(dim)  # A remainder by 0 is no index: it fails.
        return self.is_natural(index) and self.is_below(index, dim)

    def _runs_over(self, index: Atom, dim: Atom) -> bool:
        """Whether an index is that of a loop over just this dimension, as most are, or a literal in a literal one."""
        if isinstance(index, Literal):
            return isinstance(dim, Literal) and 0 <= index.value < dim.value
        return self.extents.get(index) == dim

    def sides(self, index: Atom, dim: Atom) -> tuple[bool, bool]:
        """Whether an index is known to be at least 0, and whether below a dimension."""
        natural, below = self.is_natural(index), self.is_below(index, dim)
        if not ((natural and below) or self.is_exact(self.form(index))):
            return False, False
        return natural, below

    def is_natural(self, atom: Atom) -> bool:
        """Whether an integer is at least 0."""
        return self.never_negative(self.form(atom))

    def is_below(self, left: Atom, right: Atom) -> bool:
        """Whether an integer is less than another."""
        return self.never_negative(self.form(right).plus(self.form(left), -1).plus(Affine(-1, {})))

    def never_negative(self, form: Affine) -> bool:
        """Whether the form is at least 0: for every value of the loop indices and sizes in it, or by one fact."""
        if not form.terms:
            return form.constant >= 0
        helpful = (fact for fact in self.facts if not fact.terms.keys().isdisjoint(form.terms))
        return self._never_negative(form) or any(self._never_negative(form.plus(fact, -1)) for fact in helpful)

    def _never_negative(self, form: Affine) -> bool:
        least: dict[Atom, int] = {}
        for _ in range(LARGEST_FORM * 4):
            index = max((v for v in form.terms if v in self.extents), key=self.order.__getitem__, default=None)
            if index is None:
                known = all(c > 0 and (v in least or v in self.sizes) for v, c in form.terms.items())
                return known and form.constant + sum(c * least.get(v, 0) for v, c in form.terms.items()) >= 0
            form = self._at_lowest(form, index)
            least[self.extents[index]] = 1
        return False

    def _at_lowest(self, form: Affine, index: Var) -> Affine:
        """The form at the end of the index's range where it is least."""
        coefficient = form.terms[index]
        rest = Affine(form.constant, {v: c for v, c in form.terms.items() if v is not index})
        if coefficient > 0:
            return rest
        return rest.plus(self.form(self.extents[index]), coefficient).plus(Affine(-coefficient, {}))
