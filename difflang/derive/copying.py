"""Copying blocks with variables replaced, and dropping what a copied block does not need."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Attribute, Block, Eqn, Type, Uses, Var

NOTICES = frozenset({"print", "report"})
OBSERVERS = NOTICES | {"assert"}


def inline(
    builder: Builder, block: Block, args: Sequence[Atom], substitution: Mapping[Var, Atom] | None = None
) -> list[Atom]:
    """Emits the block's code with its parameters replaced by `args` and free variables by `substitution`.

    Every variable is made anew, also the sizes in types. Returns the results.
    """
    copy = Copy(builder, dict(substitution or {}))
    return copy.run(block, args)


def without_notices(block: Block) -> Block:
    """The block without what it prints and reports."""
    kept = (eqn for eqn in block.eqns if eqn.op not in NOTICES)
    eqns = [replace(eqn, regions=tuple(map(without_notices, eqn.regions))) if eqn.regions else eqn for eqn in kept]
    return replace(block, eqns=tuple(eqns))


class Copy:
    """One copy of a block: `values` maps the variables of the original to those of the copy.

    With `again`, the code computes values that the primal program has computed before: it observes nothing
    (no printing, no assertions), and adds nothing to the accumulators in `silenced`; what is in `known` has been kept,
    and replaces the value computed again (which then is often needed by nothing).
    """

    def __init__(
        self,
        builder: Builder,
        values: MutableMapping[Var, Atom],
        *,
        again: bool = False,
        silenced: Collection[Var] = (),
        known: Mapping[Var, Atom] | None = None,
    ) -> None:
        self.builder = builder
        self.values = values
        self.again = again
        self.silenced = silenced
        self.known = known or {}
        self.emitted: dict[Eqn, Eqn] = {}

    def run(self, block: Block, args: Sequence[Atom]) -> list[Atom]:
        self.values.update(zip(block.params, args, strict=True))
        return self.rest(block)

    def rest(self, block: Block) -> list[Atom]:
        """The equations of a block whose parameters are bound already."""
        outer = self.builder.span
        for eqn in block.eqns:
            self.equation(eqn)
        self.builder.span = outer
        return [self.atom(r) for r in block.results]

    def atom(self, atom: Atom) -> Atom:
        return self.values.get(atom, atom) if isinstance(atom, Var) else atom

    def atoms(self, atoms: Sequence[Atom]) -> tuple[Atom, ...]:
        return tuple(self.atom(a) for a in atoms)

    def type(self, type_: Type) -> Type:
        return Type(type_.dtype, self.atoms(type_.shape), type_.ref) if type_.shape else type_

    def fresh(self, variables: Sequence[Var]) -> tuple[Var, ...]:
        """New variables for old ones, in order; the type of one may mention another."""
        made: list[Var] = []
        for old in variables:
            new = Var(Type(old.type.dtype), old.name)
            self.values[old] = new
            made.append(new)
        for old, new in zip(variables, made, strict=True):
            new.type = self.type(old.type)
        return tuple(made)

    def equation(self, eqn: Eqn) -> None:
        if self.again and (eqn.op in OBSERVERS or (eqn.op == "add_to" and eqn.args[0] in self.silenced)):
            return
        self.builder.span = eqn.span
        regions = tuple(self.region(r) for r in eqn.regions)
        self.builder.span = eqn.span
        attrs = self.attributes(eqn)
        args = self.atoms(eqn.args)
        copied = Eqn(self.fresh(eqn.outs), eqn.op, args, attrs, regions, eqn.span)
        self.emitted[eqn] = copied
        self.builder.append(copied)
        self.values.update((out, self.known[out]) for out in eqn.outs if out in self.known)

    def attributes(self, eqn: Eqn) -> Mapping[str, Attribute]:
        """Again, values of implicit functions are known to be good (a name asks for a check)."""
        if self.again and eqn.op == "implicit":
            return {name: value for name, value in eqn.attrs.items() if name != "name"}
        return eqn.attrs

    def region(self, block: Block) -> Block:
        return self.builder.block_with(self.fresh(block.params), lambda *_: self.rest(block))


class Pruner:
    """Drops the equations that nothing needs, from blocks that only compute.

    What such code prints or checks does not count as needed, what it adds to accumulators from outside the equation
    does. A block that has been pruned is not looked at again where it stands inside another one.
    """

    def __init__(self) -> None:
        self._done: set[Block] = set()
        self.uses = Uses()
        """Of the blocks that have been pruned, which stay as they are."""

    def block(self, block: Block) -> Block:
        """The block without the equations, at any depth, that its results do not need."""
        if block in self._done:
            return block
        needed: set[Var] = set()
        _need(needed, block.results)
        kept: list[Eqn] = []
        for eqn in reversed(block.eqns):
            regions = tuple([self.block(r) for r in eqn.regions])
            if not (any(out in needed for out in eqn.outs) or self._adds_outside(eqn, regions)):
                continue
            eqn.regions = regions
            kept.append(eqn)
            _need(needed, eqn.args)
            _need(needed, (dim for out in eqn.outs for dim in out.type.shape))
            for region in regions:
                needed.update(self.uses.free(region))
        new = Block(block.params, tuple(reversed(kept)), block.results)
        self._done.add(new)
        return new

    def _adds_outside(self, eqn: Eqn, regions: Sequence[Block]) -> bool:
        if eqn.op == "add_to":
            return True
        return any(v.type.ref for region in regions for v in self.uses.free(region))


def _need(needed: set[Var], atoms: Iterable[Atom]) -> None:
    needed.update(a for a in atoms if isinstance(a, Var))
