"""The stage `tape`: what the loops of a derivative store for the reverse sweep, in bytes, and what is computed again.

It is read from the finished Core. Arrays that exist for the reverse sweep are known by the ends of their names
(`difflang.derive.segments`): the values of a variable step by step, and the states of a loop that is cut into segments.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Type, Var
from difflang.core.ops import I64, carries
from difflang.derive.activity import LOOPS
from difflang.derive.budget import ITEM_BYTES
from difflang.derive.diagonal import SLOPE
from difflang.derive.segments import STATES, TAPE
from difflang.diagnostics.model import Span
from difflang.passes import simplify_block
from difflang.passes.cost import DEAR_PRICE, price
from difflang.prims import PRIMITIVES

OPERATORS = {"add": "+", "sub": "-", "mul": "*", "floordiv": "//", "mod": "%"}
LONGEST = 40
"""Characters of a dimension; a longer one is given a name of its own."""

LARGEST: dict[str, Callable[[int, int], int]] = {
    "min": min,
    "max": max,
    "add": operator.add,
    "mul": operator.mul,
    "sub": operator.sub,
}
"""What keeps an upper bound of integers that are not negative; what is subtracted counts as 0."""

Counts = Mapping[Var, int]


@dataclass(frozen=True, slots=True)
class Stored:
    """One array for the reverse sweep. `again`: it is made anew in each segment or step of a loop around it."""

    variable: str
    type: Type
    kind: str
    again: bool


@dataclass(eq=False, slots=True)
class Loop:
    """One loop of the program: what is stored of it, the operations that its reverse sweep computes, and whether its
    steps are run again."""

    span: Span | None
    stored: list[Stored] = field(default_factory=list[Stored])
    again: Counter[str] = field(default_factory=Counter[str])
    rerun: bool = False


def loops_of(func: Func) -> list[Loop]:
    """The loops of a derivative that store or compute something for a reverse sweep, in the order of the program."""
    found: dict[object, Loop] = {}
    for eqn, around in _loops(func.block, ()):
        loop = found.setdefault(_place(eqn.span), Loop(eqn.span))
        again = any(outer.attrs.get("reverse") for outer in around)
        loop.stored += [s for out in eqn.outs for s in _stored(out, again)]
        if eqn.attrs.get("reverse"):
            loop.again.update(_computed(eqn))
        elif any(outer.attrs.get("reverse") and _place(outer.span) == _place(eqn.span) for outer in around):
            loop.rerun = True
    wanted = [loop for loop in found.values() if loop.stored or loop.again]
    return sorted(wanted, key=lambda loop: (loop.span.line, loop.span.column) if loop.span else (0, 0))


def _place(span: Span | None) -> object:
    return None if span is None else (span.path, span.line, span.column)


def _loops(block: Block, around: tuple[Eqn, ...]) -> Iterator[tuple[Eqn, tuple[Eqn, ...]]]:
    for eqn in block.eqns:
        if eqn.op in LOOPS:
            yield eqn, around
        for region in eqn.regions:
            yield from _loops(region, (*around, eqn) if eqn.op in LOOPS else around)


def _stored(out: Var, again: bool) -> list[Stored]:
    for end, kind in ((TAPE, "each step"), (STATES, "now and then"), (SLOPE, "all steps together")):
        if out.name.endswith(end):
            return [Stored(out.name.removesuffix(end), out.type, kind, again)]
    return []


def _computed(loop: Eqn) -> Counter[str]:
    """The dear operations of a reverse loop that do not depend on what it carries, which are the cotangents."""
    body = loop.regions[0]
    moving: set[Atom] = set(body.params[1 : 1 + carries(loop.attrs)])
    found: Counter[str] = Counter()

    def visit(block: Block) -> None:
        for eqn in block.eqns:
            depends = any(a in moving for a in eqn.args)
            if eqn.op in LOOPS:
                continue
            for region in eqn.regions:
                visit(region)
                depends = depends or any(r in moving for r in region.results)
            if depends:
                moving.update(eqn.outs)
            elif _is_dear(eqn):
                found[eqn.op] += 1

    visit(body)
    return found


def _is_dear(eqn: Eqn) -> bool:
    return not eqn.regions and (eqn.op == "contract" or (eqn.op in PRIMITIVES and price([eqn]) >= DEAR_PRICE))


# --- sizes ---


class Sizes:
    """Integers of a function as text over the names of its parameters, and their largest values where known."""

    def __init__(self, func: Func) -> None:
        self.makers: dict[Var, Eqn] = {}
        self.extents: dict[Var, Atom] = {}
        self.places: dict[Var, Span | None] = {}
        self.outer = {*func.params, *(out for eqn in func.block.eqns for out in eqn.outs)}
        self._collect(func.block)

    def _collect(self, block: Block) -> None:
        for eqn in block.eqns:
            self.makers.update((out, eqn) for out in eqn.outs)
            if eqn.op == "fold":
                self.extents[eqn.regions[0].params[0]] = eqn.args[0]
            for region in eqn.regions:
                self._collect(region)

    def text(self, atom: Atom) -> str:
        """An integer as a formula; a name for what is decided while the program runs."""
        if isinstance(atom, Literal):
            return str(atom.value)
        maker = self.makers.get(atom)
        if maker is None or atom.name:
            return "iterations" if maker is not None and maker.op == "while" else atom.name.partition(".")[0] or "size"
        if maker.op in OPERATORS:
            left, right = (self.text(arg) for arg in maker.args)
            formula = f"({left} {OPERATORS[maker.op]} {right})".replace("+ -", "- ")
            return formula if len(formula) <= LONGEST else "segment"
        return "iterations" if maker.op == "while" else "segment"

    def largest(self, atom: Atom, known: Counts) -> int | None:
        """The largest value that an integer can have, from the values of those that are known outside of all loops."""
        if isinstance(atom, Literal):
            return int(atom.value)
        if atom in known:
            return known[atom]
        if atom in self.extents:
            extent = self.largest(self.extents[atom], known)
            return None if extent is None else max(extent - 1, 0)
        maker = self.makers.get(atom)
        if maker is None or maker.op not in LARGEST:
            return None
        parts = [self.largest(arg, known) for arg in maker.args]
        if maker.op == "min":
            return min((part for part in parts if part is not None), default=None)
        left, right = parts
        if maker.op == "sub":
            return left
        return None if left is None or right is None else LARGEST[maker.op](left, right)

    def needed(self, atoms: Sequence[Atom]) -> list[Var]:
        """The integers known outside of all loops that these are made from."""
        found: dict[Var, None] = {}
        pending = list(atoms)
        while pending:
            atom = pending.pop()
            if not isinstance(atom, Var) or atom in found:
                continue
            if atom in self.outer:
                found[atom] = None
            elif atom in self.extents:
                pending.append(self.extents[atom])
            elif atom in self.makers:
                pending += self.makers[atom].args
        return [v for v in found if v.type == I64]


def size_function(func: Func, sizes: Sequence[Var]) -> Func:
    """The function that computes only these of its integers."""
    block = Block(func.block.params, func.block.eqns, tuple(sizes))
    return Func(f"sizes of {func.name}", simplify_block(block))


# --- text ---


def report(func: Func, title: str, sources: Mapping[str, str], evaluate: Callable[[Func], Sequence[int]] | None) -> str:
    """The stage as text. `evaluate` runs a function of integers on the arguments of the user, if there are any."""
    sizes, loops = Sizes(func), loops_of(func)
    known: Counts = {}
    if evaluate is not None:
        wanted = sizes.needed([dim for loop in loops for s in loop.stored for dim in s.type.shape])
        known = dict(zip(wanted, evaluate(size_function(func, wanted)), strict=True)) if wanted else {}
    lines = [f"tape of {title}"]
    totals: list[str] = []
    amount: int | None = 0
    for loop in loops:
        lines += ["", _head(loop, sources)]
        width = max((len(stored.variable) for stored in loop.stored), default=0)
        for stored in loop.stored:
            formula, size = _bytes(stored.type, sizes, known if evaluate is not None else None)
            totals.append(formula)
            amount = None if amount is None or size is None else amount + size
            lines.append(_line(stored, width, formula, size))
        lines += _remarks(loop)
    lines += ["", _total(totals, amount if evaluate is not None else None)]
    return "\n".join(lines) + "\n"


def _head(loop: Loop, sources: Mapping[str, str]) -> str:
    if loop.span is None:
        return "a loop of the compiler"
    text = sources.get(loop.span.path, "").splitlines()
    line = text[loop.span.line - 1].strip() if 0 < loop.span.line <= len(text) else ""
    return f"{Path(loop.span.path).name}:{loop.span.line}: {line}".rstrip(": ")


def _bytes(type_: Type, sizes: Sizes, known: Counts | None) -> tuple[str, int | None]:
    factors = [*map(sizes.text, type_.shape)]
    formula = " * ".join([str(ITEM_BYTES[type_.dtype]), *factors])
    total: int | None = ITEM_BYTES[type_.dtype]
    for dim in type_.shape:
        size = None if known is None else sizes.largest(dim, known)
        total = None if total is None or size is None else total * max(size, 0)
    return formula, total


def _line(stored: Stored, width: int, formula: str, size: int | None) -> str:
    number = f" = {size:,}" if size is not None and formula != str(size) else ""
    when = ", anew in every part" if stored.again else ""
    return f"  {stored.variable:<{width}}  {formula}{number} bytes ({stored.kind}{when})"


def _remarks(loop: Loop) -> list[str]:
    lines: list[str] = []
    if not loop.stored:
        lines.append("  nothing is stored")
    if loop.rerun:
        lines.append("  run again: the steps, from the states")
    if loop.again:
        operations = ", ".join(f"{op} ({n} times)" if n > 1 else op for op, n in sorted(loop.again.items()))
        lines.append(f"  computed in the reverse sweep: {operations}")
    return lines


def _total(formulas: Sequence[str], amount: int | None) -> str:
    if not formulas:
        return "total: nothing is stored by loops"
    counted = Counter(formulas)
    text = " + ".join(f"{n} * {formula}" if n > 1 else formula for formula, n in counted.items())
    return f"total: {text}{f' = {amount:,}' if amount is not None else ''} bytes"
