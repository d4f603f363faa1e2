"""Whether a rule stated in the program gives nothing for a direction of zero, as everything linear does.

What is affine passes for linear where only its dependence on the direction is looked at: `x + dx` has the same
transpose as `dx`. So the values are followed that may differ from zero although the direction is zero. The analysis
errs on one side: what it finds is certain to be no multiple of the direction, whatever the other values are.
"""

from __future__ import annotations

from difflang.core.ir import Atom, Block, Eqn, Literal
from difflang.derive.activity import Varied

ANY = frozenset({"add", "sub", "min", "max", "select", "set", "table"})
"""Zero only where all of their arguments are; other operations are taken to be zero where one of them is."""


def vanishes_with(block: Block, directions: int) -> bool:
    """Whether the results of a block are zero where its last `directions` parameters are."""
    present = _Present()
    first = len(block.params) - directions
    present.mark_where((param, True) for param in block.params[:first])
    present.visit(block)
    return not any(present.holds(result) for result in block.results)


class _Present(Varied):
    """The values that may differ from zero; integers and truth values count as such."""

    def holds(self, atom: Atom) -> bool:
        if isinstance(atom, Literal):
            return atom.value != 0
        return not atom.type.is_float or super().holds(atom)

    def depends(self, eqn: Eqn) -> bool:
        """Whether the results of an equation without regions may differ from zero."""
        match eqn.op:
            case "div":
                return self.holds(eqn.args[0])
            case "get" | "reshape":
                return self.holds(eqn.args[0])
            case _:
                floats = [a for a in eqn.args if a.type.is_float]
                return (any if eqn.op in ANY else all)(map(self.holds, floats))
