"""One walk that folds, finds common subexpressions and moves invariants out of loops.

Common subexpressions are found across blocks: an inner block reuses what the blocks around it have computed.
An equation moves out of a loop when nothing in it depends on the loop and it cannot fail (a loop that runs
zero times must not fail); out of an `accum`, which runs exactly once, it always may; out of a branch it never does.
A read counts as unable to fail when `Bounds` proves its indices, which then also marks it `inbounds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Var, walk
from difflang.core.ops import CLOSED
from difflang.passes import structure
from difflang.passes.algebra import Application, simplified
from difflang.passes.bounds import Bounds
from difflang.passes.dead import HOST_EFFECTS
from difflang.passes.rewrite import Rewriter, key_of
from difflang.prims import PRIMITIVES

MAXIMUM_KEY_DEPTH = 8
LOOPS = frozenset({"build", "reduce", "fold", "while"})
TOTAL = frozenset({"table", "contract", "argsort", "build", "reduce", "fold", "cond", "accum"})
"""Structural operations that cannot fail by themselves (their regions may)."""


@dataclass(frozen=True, slots=True)
class Simplify:
    """Folding, common subexpressions, and (with `hoist`) loop-invariant code motion."""

    hoist: bool = True

    def __call__(self, func: Func) -> Func:
        return Simplifier(self.hoist).func(func)


@dataclass(slots=True)
class Facts:
    """What an equation or a block does. Levels are bits: those it uses, and those of the accumulators it adds to.

    What is `rooted` stays in its block, but does not keep the block from moving.
    """

    uses: int = 0
    adds: int = 0
    total: bool = True
    host: bool = False
    rooted: bool = False

    def include(self, other: Facts, level: int) -> None:
        """Adds what `other` does as seen from the block at `level`: deeper variables are nobody's business there."""
        visible = (1 << (level + 1)) - 1
        self.uses |= other.uses & visible
        self.adds |= other.adds & visible
        self.total &= other.total
        self.host |= other.host


@dataclass(slots=True)
class Scope:
    """A block being written: what owns it, what it does so far, and the keys to forget at its end."""

    owner: str
    facts: Facts = field(default_factory=Facts)
    keys: list[object] = field(default_factory=list[object])


class Simplifier(Rewriter):
    """The state of the walk. Levels count blocks from 1; level 0 is what lies outside."""

    def __init__(self, hoist: bool = True) -> None:
        super().__init__()
        self.hoist = hoist
        self.scopes: list[Scope] = []
        self.levels: dict[Var, int] = {}
        self.known: dict[Var, Eqn] = {}
        self.available: dict[object, tuple[Var, ...]] = {}
        self.bounds = Bounds()

    @property
    def level(self) -> int:
        return len(self.frames)

    def func(self, func: Func) -> Func:
        return Func(func.name, self.region(func.block, "func")[0])

    def region(self, block: Block, owner: str, extents: Sequence[Atom] = ()) -> tuple[Block, Facts]:
        """A block rewritten, and what it does. The first parameters are loop indices with the given extents."""
        scope = Scope(owner)
        self.scopes.append(scope)
        params = self.define(block.params)
        self._declare(params, len(self.scopes))
        self.bounds.loop(params[: len(extents)], extents)
        new = self.block(Block(params, block.eqns, block.results))
        for atom in (*new.results, *(dim for param in params for dim in param.type.shape)):
            scope.facts.uses |= self.bit(atom)
        for key in scope.keys:
            del self.available[key]
        self.scopes.pop()
        return new, scope.facts

    def _declare(self, variables: Sequence[Var], level: int) -> None:
        self.bounds.dimensions(variables)
        for variable in variables:
            self.levels[variable] = level

    def bit(self, atom: Atom) -> int:
        return 1 << self.levels.get(atom, 0) if isinstance(atom, Var) else 0

    # --- equations ---

    def equation(self, eqn: Eqn) -> None:
        args = self.all(eqn.args)
        if eqn.op in PRIMITIVES:
            self.primitive(eqn, args)
        elif eqn.op in CLOSED:
            # Its regions may not use what is around them, so nothing in there may be shared with the outside.
            self.write(self.copied(eqn), Facts(~0, 0, total=False, host=_touches_host(eqn)), self.level)
        elif not structure.before(self, eqn, args):
            self.structural(eqn, args)

    def copied(self, eqn: Eqn) -> Eqn:
        copier = Rewriter()
        copier.atoms = self.atoms
        return copier.copy(eqn)

    def primitive(self, eqn: Eqn, args: tuple[Atom, ...]) -> None:
        op, (out,) = eqn.op, eqn.outs
        outcome = simplified(op, args, eqn.attrs, out.type, self.known)
        while isinstance(outcome, Application):
            op, args = outcome.op, outcome.args
            outcome = simplified(op, args, {}, out.type, self.known)
        if outcome is not None:
            self.atoms[out] = outcome
            return
        attrs = eqn.attrs if op == eqn.op else {}
        self.place(Eqn((out,), op, args, attrs, (), eqn.span), Facts(total=_cannot_fail(op, args, out)))

    def structural(self, eqn: Eqn, args: tuple[Atom, ...]) -> None:
        facts = Facts(host=eqn.op in HOST_EFFECTS, total=eqn.op in TOTAL)
        count = {"build": len(args), "reduce": len(args), "fold": 1}.get(eqn.op, 0)
        regions: list[Block] = []
        for region in eqn.regions:
            block, does = self.region(region, eqn.op, args[:count])
            regions.append(block)
            facts.include(does, self.level)
        attrs = eqn.attrs
        if eqn.op in ("get", "set", "add_to"):
            indices = args[1:] if eqn.op == "get" else args[1:-1]
            proved = self.bounds.proved(indices, args[0].type.shape)
            facts.rooted = not proved and bool(attrs.get("total"))
            facts.total = proved or facts.rooted
            attrs = {**attrs, "inbounds": True} if proved and indices else attrs
        if eqn.op == "add_to":
            facts.adds |= self.bit(args[0])
        new = Eqn(eqn.outs, eqn.op, args, attrs, tuple(regions), eqn.span)
        if not structure.after(self, new):
            self.place(new, facts)

    # --- placing ---

    def place(self, eqn: Eqn, facts: Facts) -> None:
        """Writes an equation as far out as it may stand, unless its value is there already."""
        for atom in eqn.args:
            facts.uses |= self.bit(atom)
        if facts.host or facts.adds:
            self.write(eqn, facts, self.level)
            return
        key = (eqn.op, tuple(map(key_of, eqn.args)), _attribute_key(eqn), _Regions(eqn.regions) if eqn.regions else ())
        if key in self.available:
            self.atoms.update(zip(eqn.outs, self.available[key], strict=True))
            return
        level = self.target(facts)
        self.available[key] = self.write(eqn, facts, level)
        self.scopes[level - 1].keys.append(key)

    def target(self, facts: Facts) -> int:
        level = self.level
        while self.hoist and level > 1 and not facts.uses >> level and self._may_leave(level, facts):
            level -= 1
        return level

    def _may_leave(self, level: int, facts: Facts) -> bool:
        owner = self.scopes[level - 1].owner
        return owner == "accum" or (facts.total and not facts.rooted and owner in LOOPS)

    def write(self, eqn: Eqn, facts: Facts, level: int) -> tuple[Var, ...]:
        outs = self.define(eqn.outs)
        self._declare(outs, level)
        for out in outs:
            for dim in out.type.shape:
                facts.uses |= self.bit(dim)
        new = Eqn(outs, eqn.op, eqn.args, eqn.attrs, eqn.regions, eqn.span)
        self.frames[level - 1].append(new)
        for inner in range(level, self.level + 1):
            self.scopes[inner - 1].facts.include(facts, inner)
        self.known.update((out, new) for out in outs)
        self.bounds.define(new)
        return outs


def _touches_host(eqn: Eqn) -> bool:
    return any(inner.op in HOST_EFFECTS for region in eqn.regions for inner in walk(region))


def _cannot_fail(op: str, args: Sequence[Atom], out: Var) -> bool:
    """Everything but an integer division whose divisor may be 0."""
    return op not in ("floordiv", "mod") or out.type.is_float or (isinstance(args[1], Literal) and args[1].value != 0)


def _attribute_key(eqn: Eqn) -> object:
    if not eqn.attrs:
        return ()
    return tuple(sorted(item for item in eqn.attrs.items() if item[0] not in ("inbounds", "total")))


class _Regions:
    """Regions as part of a key. Their own keys, which are long, are made where another has the same operations."""

    __slots__ = ("_keys", "_operations", "_regions")

    def __init__(self, regions: tuple[Block, ...]) -> None:
        self._regions = regions
        self._operations = tuple([tuple([eqn.op for eqn in region.eqns]) for region in regions])
        self._keys: object = None

    def __hash__(self) -> int:
        return hash(self._operations)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Regions) and self._operations == other._operations and self._key() == other._key()

    def _key(self) -> object:
        if self._keys is None:
            self._keys = tuple(map(block_key, self._regions))
        return self._keys


def block_key(block: Block) -> object:
    """Equal for blocks that differ only in the names of what they bind.

    A block that nests deeply equals itself only: the key of each block on the way down would hold all below it.
    """
    return block if _nests(block, MAXIMUM_KEY_DEPTH) else _block_key(block, {})


def _nests(block: Block, levels: int) -> bool:
    """Whether regions stand inside of each other more than `levels` deep."""
    return any(levels == 0 or _nests(region, levels - 1) for eqn in block.eqns for region in eqn.regions)


def _block_key(block: Block, numbers: dict[Var, int]) -> object:
    def number(variables: Sequence[Var]) -> int:
        for variable in variables:
            numbers[variable] = len(numbers)
        return len(variables)

    def key(atom: Atom) -> object:
        return numbers.get(atom, atom) if isinstance(atom, Var) else key_of(atom)

    parts: list[object] = [tuple((p.type.dtype, tuple(map(key, p.type.shape))) for p in block.params)]
    number(block.params)
    for eqn in block.eqns:
        regions = tuple(_block_key(region, numbers) for region in eqn.regions)
        parts.append((eqn.op, tuple(map(key, eqn.args)), _attribute_key(eqn), regions, number(eqn.outs)))
    return (*parts, tuple(map(key, block.results)))
