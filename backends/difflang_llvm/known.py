"""What a function has computed already: equal instructions are emitted once, as long as the first is on every way."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

INTEGER = ("add", "sub", "mul", "sdiv", "srem", "shl", "lshr", "ashr", "and", "or", "xor", "icmp", "getelementptr")
FLOAT = ("fadd", "fsub", "fmul", "fdiv", "fneg", "fcmp", "select")
CONVERSION = ("zext", "sext", "trunc", "fpext", "fptrunc", "sitofp", "fptosi", "bitcast")
PURE = frozenset({*INTEGER, *FLOAT, *CONVERSION})
"""Instructions whose operands say all about their result."""


class Known:
    """The names of results by their instructions, in the blocks from the entry to the current one that all ways pass.

    A block that other blocks may lead to forgets everything, unless `branch` says that it is inside of what is known.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._order: list[str] = []
        self._forgotten = 0

    def get(self, instruction: str) -> str | None:
        return self._names.get(instruction)

    def note(self, instruction: str, name: str) -> None:
        self._names[instruction] = name
        self._order.append(instruction)

    def forget(self) -> None:
        self._names.clear()
        self._order.clear()
        self._forgotten += 1

    @contextmanager
    def branch(self) -> Generator[None]:
        """What is emitted meanwhile is not on every way to what follows."""
        size, forgotten = len(self._order), self._forgotten
        yield
        if self._forgotten != forgotten:
            self.forget()
        while len(self._order) > size:
            del self._names[self._order.pop()]
