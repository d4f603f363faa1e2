"""Which variables a block still needs after each of its equations."""

from __future__ import annotations

from collections.abc import Iterable

from difflang.core.ir import Atom, Block, Eqn, Uses, Var

START = -1
"""The position before the first equation."""


class Liveness:
    """Uses of variables by equations (regions included), computed once for each block."""

    def __init__(self) -> None:
        self._uses = Uses()
        self._free: dict[Block, frozenset[Var]] = {}

    def free(self, block: Block) -> frozenset[Var]:
        """The variables that a region takes from outside."""
        found = self._free.get(block)
        if found is None:
            found = self._free[block] = frozenset(self._uses.free(block))
        return found

    def region_uses(self, eqn: Eqn) -> frozenset[Var]:
        """The variables that the regions of an equation take from outside."""
        return frozenset().union(*(self.free(region) for region in eqn.regions))

    def uses(self, eqn: Eqn) -> frozenset[Var]:
        """The variables that an equation reads, itself or in its regions."""
        return self.region_uses(eqn) | {a for a in eqn.args if isinstance(a, Var)}

    def last_uses(self, block: Block, kept: Iterable[Atom]) -> dict[Var, int]:
        """For each variable the position of the last equation that uses it; `kept` atoms are used at the end."""
        last: dict[Var, int] = {}
        for position, eqn in enumerate(block.eqns):
            last.update(dict.fromkeys(self.uses(eqn), position))
        last.update((atom, len(block.eqns)) for atom in kept if isinstance(atom, Var))
        return last
