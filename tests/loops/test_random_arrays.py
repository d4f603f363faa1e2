"""Random programs about who overwrites whom: updates, carries, branches, rows, views, stacks, accumulators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Func, Literal, Type, Var
from difflang.core.ops import I64, integer
from tests.loops.running import agree

SIZE = 3
F64 = Type("f64")


class Arrays:
    """Draws statements over vectors of one size and square matrices; every index is in range."""

    def __init__(self, draw: Callable[..., Any], budget: int, literal: bool) -> None:
        self.draw = draw
        self.budget = budget
        self.depth = 0
        self.b = Builder()
        self.n: Atom = integer(SIZE) if literal else Var(I64, "n")

    def pick(self, options: Sequence[Any]) -> Any:
        return options[self.draw(st.integers(0, len(options) - 1))]

    def recent(self, options: Sequence[Any]) -> Any:
        """Mostly one of the last few, so that values are used again while they may be overwritten."""
        return self.pick(options[-4:]) if self.draw(st.integers(0, 3)) else self.pick(options)

    def index(self, indices: Sequence[Atom]) -> Atom:
        return self.pick([*indices, integer(0), integer(SIZE - 1)])

    def scalar(self, vectors: list[Atom], indices: list[Atom]) -> Atom:
        a = self.b.get(self.recent(vectors), self.index(indices))
        c = Literal(float(self.draw(st.integers(1, 3))), "f64")
        return self.b.prim("sin", self.b.prim("add", a, c))

    def statement(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        """Appends one or more new arrays to `vectors` or `matrices`."""
        self.budget -= 1
        kinds = (self.update, self.update, self.build, self.loop, self.loop, self.loop, self.branch, self.branch)
        more = (self.repeat, self.accumulate, self.row, self.set_row, self.total, self.rows, self.alike)
        self.pick((*kinds, *more))(vectors, matrices, indices)

    def statements(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        """A region: some statements, none deeper than three regions."""
        self.depth += 1
        for _ in range(self.draw(st.integers(1, 4))):
            if self.budget > 0 and self.depth <= 3:
                self.statement(vectors, matrices, indices)
        self.depth -= 1

    def update(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        value = self.scalar(vectors, indices)
        vectors.append(self.b.set(self.recent(vectors), self.index(indices), value))

    def alike(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        vectors.append(self.b.emit("reshape", [self.recent(vectors), self.n])[0])

    def build(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        def body(i: Atom) -> list[Atom]:
            values = [self.scalar(vectors, [i] if self.draw(st.booleans()) else [*indices, i]) for _ in range(2)]
            return values if self.draw(st.booleans()) else values[:1]

        vectors.extend(self.b.build([self.n], body))

    def rows(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        def body(i: Atom) -> list[Atom]:
            inner = list(vectors)
            self.statements(inner, list(matrices), [*indices, i])
            return [self.recent(inner)]

        matrices.extend(self.b.build([self.n], body))

    def row(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        vectors.append(self.b.get(self.recent(matrices), self.index(indices)))

    def set_row(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        matrices.append(self.b.set(self.recent(matrices), self.index(indices), self.recent(vectors)))

    def total(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        def body(i: Atom) -> list[Atom]:
            inner = list(vectors)
            self.statements(inner, list(matrices), [*indices, i])
            return [self.recent(inner)]

        vectors.extend(self.b.reduce("sum", [self.n], body))

    def carried(self, vectors: list[Atom], matrices: list[Atom]) -> tuple[list[Atom], int]:
        count = self.draw(st.integers(1, 3))
        return [self.recent(vectors) for _ in range(count)] + [self.recent(matrices)] * self.draw(
            st.integers(0, 1)
        ), count

    def step(self, carry: Sequence[Atom], count: int, outer: tuple[list[Atom], ...]) -> list[Atom]:
        """The next carries and up to one stacked vector and one stacked scalar."""
        vectors, matrices, indices = outer[0] + list(carry[:count]), outer[1] + list(carry[count:]), outer[2]
        self.statements(vectors, matrices, indices)
        results = [self.recent(vectors) for _ in range(count)] + [self.recent(matrices) for _ in carry[count:]]
        stacked = [self.recent(vectors)] * self.draw(st.integers(0, 1))
        return [*results, *stacked]

    def loop(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        init, count = self.carried(vectors, matrices)
        outs = self.b.fold(
            self.n,
            init,
            lambda i, *carry: self.step(carry, count, (vectors, matrices, [*indices, i])),
            reverse=self.draw(st.booleans()),
        )
        vectors.extend(outs[:count])
        matrices.extend(outs[count:])

    def repeat(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        init, count = self.carried(vectors, matrices)
        limit = integer(self.draw(st.integers(0, 3)))

        def body(k: Atom, *carry: Atom) -> list[Atom]:
            return [self.b.prim("add", k, integer(1)), *self.step(carry, count, (vectors, matrices, indices))]

        outs = self.b.while_([integer(0), *init], lambda k, *_: self.b.prim("lt", k, limit), body)
        vectors.extend(outs[1 : 1 + count])
        matrices.extend(outs[1 + count : 1 + len(init)])

    def branch(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        predicate = self.b.prim("lt", self.scalar(vectors, indices), Literal(0.0, "f64"))
        counts = self.draw(st.integers(1, 2)), self.draw(st.integers(0, 1))

        def side() -> list[Atom]:
            inner, square = list(vectors), list(matrices)
            if self.draw(st.booleans()):
                self.statements(inner, square, indices)
            return [self.recent(inner) for _ in range(counts[0])] + [self.recent(square) for _ in range(counts[1])]

        outs = self.b.cond(predicate, side, side)
        vectors.extend(outs[: counts[0]])
        matrices.extend(outs[counts[0] :])

    def accumulate(self, vectors: list[Atom], matrices: list[Atom], indices: list[Atom]) -> None:
        def body(ref: Atom, square: Atom) -> list[Atom]:
            def add(i: Atom) -> list[Atom]:
                inner = list(vectors)
                self.statements(inner, list(matrices), [*indices, i])
                self.b.add_to(square, self.index([*indices, i]), self.recent(inner), inbounds=True)
                self.b.add_to(ref, i, self.scalar(inner, [i]))
                return []

            self.b.build([self.n], add)
            self.b.add_to(ref, self.recent(vectors))
            inner = list(vectors)
            self.statements(inner, list(matrices), indices)
            return [self.recent(inner)]

        one, two, three = self.b.accum([self.recent(vectors), self.recent(matrices)], body)
        vectors.extend([one, three])
        matrices.append(two)

    def func(self) -> Func:
        vector, matrix = Type("f64", (self.n,)), Type("f64", (self.n, self.n))
        size = [self.n] if isinstance(self.n, Var) else [Var(I64, "n")]
        params = (*size, Var(vector, "x"), Var(vector, "y"), Var(matrix, "z"))

        def body(_: Atom, x: Atom, y: Atom, z: Atom) -> list[Atom]:
            zeros = self.b.full(Literal(0.0, "f64"), [self.n])
            vectors, matrices = [x, y, zeros], [z, self.b.full(Literal(0.0, "f64"), [self.n, self.n])]
            while self.budget > 0:
                self.statement(vectors, matrices, [])
            return [*vectors[-4:], *matrices[-2:], self.recent(vectors)]

        return Func("random", self.b.block_with(params, body))


@st.composite
def array_functions(draw: Callable[..., Any], literal: bool) -> Func:
    return Arrays(draw, draw(st.integers(1, 12)), literal).func()


@pytest.mark.parametrize("literal", [False, True])
def test_arrays_are_values(literal: bool) -> None:
    random = np.random.default_rng(0)
    args = [SIZE, random.uniform(-1, 1, SIZE), random.uniform(-1, 1, SIZE), random.uniform(-1, 1, (SIZE, SIZE))]

    @given(array_functions(literal))
    @settings(max_examples=50, deadline=None)
    def check(func: Func) -> None:
        agree(func, args)

    check()
