"""Loops in segments, for `checkpoint` with several levels.

A loop of n steps becomes `levels` nested loops of about n^(1/levels) steps each. Reverse mode keeps the carries of one
loop at a time at each level: O(n^(1/levels)) states instead of n, for `levels` evaluations of each step.
Reference: A. Griewank and A. Walther, Evaluating Derivatives (2008), section 12.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn, Literal, Var
from difflang.core.ops import carries, integer
from difflang.derive.copying import Copy


def segmented(builder: Builder, block: Block, levels: int) -> Block:
    """The block (without parameters) with its loops cut, at every depth."""
    return builder.block((), lambda: _Segmenting(builder, levels).rest(block))


class _Segmenting(Copy):
    def __init__(self, builder: Builder, levels: int) -> None:
        super().__init__(builder, {})
        self.levels = levels

    def equation(self, eqn: Eqn) -> None:
        """Loops with stacked results stay: their stacks have the length of the loop anyway."""
        if eqn.op == "fold" and len(eqn.outs) == carries(eqn.attrs):
            self.builder.span = eqn.span
            count, *inits = self.atoms(eqn.args)
            outs = self._nested(eqn, self.levels, integer(0), count, self._root(count), inits)
            self.values.update(zip(eqn.outs, outs, strict=True))
        else:
            super().equation(eqn)

    def _root(self, count: Atom) -> Atom:
        """The number of steps of each of the nested loops: the root of the count, rounded up, at least 1."""
        b = self.builder
        if isinstance(count, Literal):
            return integer(max(1, _ceiling_root(int(count.value), self.levels)))
        root = b.prim("pow", b.prim("convert", count, dtype="f64"), literal(1 / self.levels, "f64"))
        return b.prim("max", b.prim("convert", b.prim("ceil", root), dtype="i64"), integer(1))

    def _nested(
        self, eqn: Eqn, level: int, start: Atom, count: Atom, root: Atom, inits: Sequence[Atom]
    ) -> Sequence[Var]:
        """Steps start .. start + count - 1 by `level` nested loops."""
        b, body = self.builder, eqn.regions[0]
        reverse = bool(eqn.attrs.get("reverse", False))
        if level == 1:

            def step(offset: Atom, *carried: Atom) -> list[Atom]:
                return self.run(body, [b.prim("add", start, offset), *carried])

            return b.fold(count, inits, step, reverse=reverse)
        length: Atom = root
        for _ in range(level - 2):
            length = b.prim("mul", length, root)

        def segment(number: Atom, *carried: Atom) -> Sequence[Atom]:
            done = b.prim("mul", number, length)
            left = b.prim("min", length, b.prim("sub", count, done))
            return self._nested(eqn, level - 1, b.prim("add", start, done), left, root, carried)

        rounded = b.prim("sub", b.prim("add", count, length), integer(1))
        return b.fold(b.prim("floordiv", rounded, length), inits, segment, reverse=reverse)


def _ceiling_root(count: int, levels: int) -> int:
    root = 1
    while root**levels < count:
        root += 1
    return root
