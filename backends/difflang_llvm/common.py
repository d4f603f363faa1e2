"""What all functions of a module have in common."""

from __future__ import annotations

from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.ir import Array, Check, Program
from difflang.loops.minor import minor_loops
from difflang_llvm.memory import Homes, Metadata
from difflang_llvm.slots import plan
from difflang_llvm.text import Needs


class Common:
    """`definitions` are the tables and the functions besides the main one, `failure_values` the most values that a
    check has."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.interface = plan(program)
        self.needs = Needs()
        self.metadata = Metadata()
        self.homes = Homes(program.body)
        self.definitions: list[str] = []
        self.minor = minor_loops(program)
        self.parts = 0
        self.failure_values = max((len(s.values) for s in walk(program.body) if isinstance(s, Check)), default=0)
        self._relatives: dict[Array, Array] = {}
        for statement in walk(program.body):
            if isinstance(statement, ir.View):
                self._relate(statement.array, statement.base)
            elif isinstance(statement, ir.Rebind):
                for target, source in zip(statement.targets, statement.sources, strict=True):
                    self._relate(target, source)

    def _relate(self, one: Array, other: Array) -> None:
        one, other = self.family(one), self.family(other)
        if one is not other:
            self._relatives[one] = other

    def family(self, array: Array) -> Array:
        """One array for all that may overlap it."""
        while array in self._relatives:
            array = self._relatives[array]
        return array
