"""`checkpoint(f)`: a call that stores nothing for the reverse sweep."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.check.context import Context
from difflang.check.leaves import atoms, leaves, materialize, rebuild, settle
from difflang.check.regions import capture, finish
from difflang.check.specimens import SpecimenMaker
from difflang.check.values import Arguments, FunctionValue, Value
from difflang.core.ir import Atom


class Checkpoint(FunctionValue):
    """The same function; its calls become the Core operation `checkpoint`."""

    def __init__(self, inner: FunctionValue, levels: int) -> None:
        self.inner = inner
        self.levels = levels
        self.name = inner.name

    def parameter_names(self) -> Sequence[str] | None:
        return self.inner.parameter_names()

    def specimens(self, context: Context, maker: SpecimenMaker) -> list[tuple[str, Value]]:
        return self.inner.specimens(context, maker)

    def call(self, context: Context, arguments: Arguments) -> Value:
        region = capture(context, lambda: materialize(context, self.inner.call(context, arguments)))
        if next(leaves(region.payload), None) is None:
            region.replay(context)
            return region.payload
        kept: list[Value] = []

        def results() -> list[Atom]:
            kept.append(settle(context, region.payload, arguments.span))
            return atoms(kept[0])

        block = finish(context, region, results)
        return rebuild(kept[0], context.builder.emit("checkpoint", [], {"levels": self.levels}, [block]))
