"""Rewrites of Core: `optimize` for whole functions, `simplify_block` for a block within a transform."""

from __future__ import annotations

from difflang.core.ir import Block, Func
from difflang.passes.dead import DeadCode
from difflang.passes.model import Observer, Pass, Pipeline
from difflang.passes.simplify import Simplify

PASSES: tuple[Pass, ...] = (Simplify(), DeadCode())


def optimize(func: Func, observer: Observer | None = None) -> Func:
    """The function with the same meaning and less work."""
    return Pipeline(PASSES, observer)(func)


def simplify_block(block: Block) -> Block:
    """A block with the same parameters and results; its free variables stay what they are."""
    return Pipeline(PASSES)(Func("block", block)).block


__all__ = ["PASSES", "Observer", "Pass", "Pipeline", "optimize", "simplify_block"]
