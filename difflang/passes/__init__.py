"""Rewrites of Core: `optimize` for whole functions, `simplify_block` for a block within a transform."""

from __future__ import annotations

from difflang.core.ir import Block, Func
from difflang.passes.batch import Batch
from difflang.passes.contract import Contract
from difflang.passes.dead import DeadCode
from difflang.passes.fuse import Fuse
from difflang.passes.gather import Gather
from difflang.passes.inline import Inline
from difflang.passes.interchange import Interchange
from difflang.passes.localize import Localize
from difflang.passes.model import Pass, Pipeline
from difflang.passes.nest import Nest
from difflang.passes.products import Products
from difflang.passes.share import Share
from difflang.passes.shift import Shift
from difflang.passes.simplify import Simplify
from difflang.passes.steady import Steady
from difflang.passes.unite import Unite
from difflang.passes.unroll import Unroll

CLEAN: tuple[Pass, ...] = (Simplify(), DeadCode())

PASSES: tuple[Pass, ...] = (
    Simplify(),
    Share(),
    DeadCode(),
    Nest(),
    Gather(),
    Fuse(),
    *CLEAN,
    Steady(),
    DeadCode(),
    Inline(),
    *CLEAN,
    Nest(),
    Shift(),
    Gather(),
    Unite(),
    Batch(),
    Products(),
    Fuse(mixed=True),
    *CLEAN,
    Contract(),
    Products(),
    DeadCode(),
    Interchange(),
    Unroll(),
    Localize(),
)
"""Scatters become gathers before loops are joined, since a gather joins more; what is joined and read in one place only
is then computed there, which uncovers nests, and nests uncover contractions. Short loops are unrolled last: what they
make are arrays to all others."""

STRAIGHT: tuple[Pass, ...] = (Simplify(), Share(), DeadCode(), Nest())
GATHERED: tuple[Pass, ...] = (Shift(), Gather(), Fuse(mixed=True), *CLEAN, Inline(), *CLEAN)


def optimize(func: Func) -> Func:
    """The function with the same meaning and less work."""
    return Pipeline(PASSES)(func)


def simplify_block(block: Block) -> Block:
    """A block with the same parameters and results; its free variables stay what they are."""
    return _block(block, CLEAN)


def as_formulas(block: Block, *, gathered: bool) -> Block:
    """Likewise, with straight code for each element of an array.

    `gathered`, each is one formula where that is possible; else the additions to an element stay apart.
    """
    return _block(block, (*STRAIGHT, *(GATHERED if gathered else ()), Unroll()))


def _block(block: Block, passes: tuple[Pass, ...]) -> Block:
    func = Func("block", block)
    for step in passes:
        func = step(func)
    return func.block


__all__ = ["CLEAN", "PASSES", "Pass", "Pipeline", "as_formulas", "optimize", "simplify_block"]
