"""Proofs that an index is in range, from the extents of the loops around it.

An index is brought into affine form over loop indices and sizes. Its largest value replaces each loop index
by its extent less one where it counts positively and by 0 where negatively, innermost loop first; what is left
must stay below the dimension for every size >= 0. An extent below 0 means that the loop does not run.
A proof rests only on loops whose index occurs in the subscript, so it holds wherever the subscript has a meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import Atom, Eqn, Literal, Var

LARGEST_CONSTANT = 1 << 40
"""Beyond it, wrapping of i64 could make an affine form wrong."""

ARITHMETIC = frozenset({"add", "sub", "mul", "neg"})

LARGEST_FORM = 8
"""Terms; longer forms are not worth a proof."""


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
        self.order: dict[Var, int] = {}
        self.sizes: set[Var] = set()

    def loop(self, indices: Sequence[Var], extents: Sequence[Atom]) -> None:
        """Inside a loop nest, each index runs from 0 below its extent."""
        for index, extent in zip(indices, extents, strict=True):
            self.extents[index] = extent
            self.order[index] = len(self.order)

    def dimensions(self, variables: Sequence[Var]) -> None:
        """The sizes in types are at least 0."""
        for variable in variables:
            self.sizes.update(dim for dim in variable.type.shape if isinstance(dim, Var))

    def define(self, eqn: Eqn) -> None:
        """Remembers the affine form of an integer sum, difference or multiple."""
        if eqn.op in ARITHMETIC and eqn.outs[0].type.dtype == "i64":
            form = self._combine(eqn.op, [self.form(arg) for arg in eqn.args])
            if form is not None and len(form.terms) <= LARGEST_FORM and abs(form.constant) < LARGEST_CONSTANT:
                self.forms[eqn.outs[0]] = form

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

    def proved(self, indices: Sequence[Atom], shape: Sequence[Atom]) -> bool:
        """Whether every index is in range of its dimension."""
        return all(self._in_range(index, dim) for index, dim in zip(indices, shape, strict=False))

    def _in_range(self, index: Atom, dim: Atom) -> bool:
        form = self.form(index)
        return self.never_negative(form) and self.never_negative(self.form(dim).plus(form, -1).plus(Affine(-1, {})))

    def never_negative(self, form: Affine) -> bool:
        """Whether the form is at least 0 for every value of the loop indices and sizes in it."""
        for _ in range(LARGEST_FORM * 4):
            index = max((v for v in form.terms if v in self.extents), key=self.order.__getitem__, default=None)
            if index is None:
                return form.constant >= 0 and all(c > 0 and v in self.sizes for v, c in form.terms.items())
            form = self._at_lowest(form, index)
        return False

    def _at_lowest(self, form: Affine, index: Var) -> Affine:
        """The form at the end of the index's range where it is least."""
        coefficient = form.terms[index]
        rest = Affine(form.constant, {v: c for v, c in form.terms.items() if v is not index})
        if coefficient > 0:
            return rest
        return rest.plus(self.form(self.extents[index]), coefficient).plus(Affine(-coefficient, {}))
