"""Random well-typed Core functions for property tests, and arguments for them.

    @given(functions())
    def test_something(func): ...  run(func, arguments(func, seed))

Every function has the parameters `n: i64, s: f64, x: f64[n], y: f64[n], z: f64[n, n]` and returns an f64, an
f64[n] and an f64[n, n]. Values stay tame: what grows is passed through a bounded function. With `smooth`, nothing has a
kink, so derivatives may be compared with differences. No function fails on arguments with n >= 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Func, Type, Var
from difflang.core.ops import I64, integer

F64 = Type("f64")
SMOOTH_UNARY = ("sin", "cos", "tanh", "sigmoid", "atan", "erf", "neg")
KINKED_UNARY = ("abs", "relu", "floor", "sign")
DEEPEST = 3
COMPARISONS = ("lt", "le", "gt", "ge", "eq")


@dataclass(frozen=True)
class Scope:
    """The atoms in reach: scalars, indices (each in 0..n), vectors f64[n], matrices f64[n, n]."""

    scalars: tuple[Atom, ...] = ()
    indices: tuple[Atom, ...] = ()
    vectors: tuple[Atom, ...] = ()
    matrices: tuple[Atom, ...] = ()
    ref: Atom | None = field(default=None)

    def adding(self, **more: Sequence[Atom]) -> Scope:
        return replace(self, **{name: (*getattr(self, name), *atoms) for name, atoms in more.items()})


class Generator:
    def __init__(self, draw: Callable[..., Any], size: int, smooth: bool) -> None:
        self.draw = draw
        self.size = size
        self.smooth = smooth
        self.depth = 0
        self.b = Builder()
        self.n: Atom = integer(1)

    def pick(self, options: Sequence[Any]) -> Any:
        return options[self.draw(st.integers(0, len(options) - 1))]

    # --- expressions ---

    def index(self, scope: Scope) -> Atom:
        """Something in 0..n: an index in reach, its mirror image, or 0."""
        if not scope.indices or self.draw(st.integers(0, 5)) == 0:
            return integer(0)
        index = self.pick(scope.indices)
        if self.draw(st.integers(0, 4)):
            return index
        return self.b.prim("sub", self.b.prim("sub", self.n, index), integer(1))

    def scalar(self, scope: Scope) -> Atom:
        kind = self.draw(st.integers(0, 5))
        if kind <= 1 and scope.vectors:
            return self.b.get(self.pick(scope.vectors), self.index(scope))
        if kind == 2 and scope.matrices:
            return self.b.get(self.pick(scope.matrices), self.index(scope), self.index(scope))
        if kind == 3 or not scope.scalars:
            return literal(self.pick((0.0, 1.0, 2.0, -0.5, 0.25)), "f64")
        return self.pick(scope.scalars)

    def arithmetic(self, scope: Scope) -> Scope:
        a, b = self.scalar(scope), self.scalar(scope)
        kind = self.draw(st.integers(0, 6))
        if kind <= 1:
            unary = SMOOTH_UNARY if self.smooth else SMOOTH_UNARY + KINKED_UNARY
            value = self.b.prim(self.pick(unary), a)
        elif kind == 2:
            value = self.b.prim("tanh", self.b.prim("mul", a, b))
        elif kind == 3 and not self.smooth:
            value = self.b.prim("select", self.b.prim(self.pick(COMPARISONS), a, b), a, self.scalar(scope))
        elif kind == 4 and scope.indices:
            value = self.b.prim("mul", a, self.b.prim("convert", self.index(scope), dtype="f64"))
        else:
            value = self.b.prim(self.pick(("add", "sub", "mul")), a, b)
        return scope.adding(scalars=[value])

    # --- statements with regions ---

    def build(self, scope: Scope) -> Scope:
        rank = self.draw(st.integers(1, 2))
        vector_valued = rank == 1 and scope.vectors and self.draw(st.booleans())

        def body(*indices: Atom) -> list[Atom]:
            inner = self.statements(scope.adding(indices=indices))
            return [self.pick(inner.vectors) if vector_valued else self.scalar(inner)]

        (out,) = self.b.build([self.n] * rank, body)
        return scope.adding(vectors=[out]) if out.type.rank == 1 else scope.adding(matrices=[out])

    def reduce(self, scope: Scope) -> Scope:
        operation = "sum" if self.smooth else self.pick(("sum", "sum", "max", "min"))
        ragged = scope.indices and operation == "sum" and self.draw(st.booleans())
        extents = [self.pick(scope.indices) if ragged else self.n] * self.draw(st.integers(1, 2))
        (out,) = self.b.reduce(
            operation, extents, lambda *i: [self.bounded(self.scalar(self.statements(scope.adding(indices=i))))]
        )
        return scope.adding(scalars=[out])

    def fold(self, scope: Scope) -> Scope:
        init = self.scalar(scope)

        def body(i: Atom, carry: Atom) -> list[Atom]:
            inner = self.statements(scope.adding(indices=[i], scalars=[carry]))
            return [self.bounded(self.scalar(inner)), self.scalar(inner)]

        last, stacked = self.b.fold(self.n, [init], body, reverse=self.draw(st.booleans()))
        return scope.adding(scalars=[last], vectors=[stacked])

    def fold_array(self, scope: Scope) -> Scope:
        """A carried vector that changes by `set`."""
        if not scope.vectors:
            return scope

        def body(i: Atom, carry: Atom) -> list[Atom]:
            inner = self.statements(replace(scope, vectors=(*scope.vectors, carry), indices=(*scope.indices, i)))
            return [self.b.set(carry, self.index(inner), self.bounded(self.scalar(inner)))]

        return scope.adding(vectors=self.b.fold(self.n, [self.pick(scope.vectors)], body))

    def while_(self, scope: Scope) -> Scope:
        limit = integer(self.draw(st.integers(0, 3)))

        def body(k: Atom, carry: Atom) -> list[Atom]:
            inner = self.statements(scope.adding(scalars=[carry]))
            return [self.b.prim("add", k, integer(1)), self.bounded(self.scalar(inner)), carry]

        outs = self.b.while_([integer(0), self.scalar(scope)], lambda k, c: self.b.prim("lt", k, limit), body)
        (total,) = self.b.reduce("sum", [outs[2]], lambda i: [self.b.get(outs[3], i)])
        return scope.adding(scalars=[outs[1], total])

    def cond(self, scope: Scope) -> Scope:
        if self.smooth:
            predicate = self.b.prim("lt", self.index(scope), integer(1))
        else:
            predicate = self.b.prim(self.pick(COMPARISONS), self.scalar(scope), self.scalar(scope))

        def branch() -> list[Atom]:
            return [self.scalar(self.statements(scope))]

        return scope.adding(scalars=self.b.cond(predicate, branch, branch))

    def accum(self, scope: Scope) -> Scope:
        whole = self.draw(st.booleans()) or not scope.vectors
        init = self.scalar(scope) if whole else self.pick(scope.vectors)

        def adding(ref: Atom, inner: Scope) -> None:
            place = [] if whole else [self.index(inner)]
            self.b.add_to(ref, *place, self.bounded(self.scalar(inner)))

        def body(ref: Atom) -> list[Atom]:
            self.b.build([self.n], lambda i: (adding(ref, self.statements(scope.adding(indices=[i]))), [])[1])
            if self.draw(st.booleans()):
                adding(ref, scope)
            return []

        (out,) = self.b.accum([init], body)
        return scope.adding(scalars=[out]) if whole else scope.adding(vectors=[out])

    def update(self, scope: Scope) -> Scope:
        if not scope.vectors:
            return scope
        return scope.adding(
            vectors=[self.b.set(self.pick(scope.vectors), self.index(scope), self.scalar(scope))],
        )

    def bounded(self, value: Atom) -> Atom:
        return self.b.prim("sin", value)

    def statements(self, scope: Scope) -> Scope:
        """A few statements; regions nest `DEEPEST` deep at most, so that a function takes milliseconds."""
        self.depth += 1
        kinds = [self.arithmetic, self.arithmetic, self.arithmetic, self.update]
        if self.depth <= DEEPEST:
            kinds += [self.build, self.reduce, self.fold, self.fold_array, self.while_, self.cond, self.accum]
        for _ in range(min(self.size, self.draw(st.integers(1, 3)))):
            self.size -= 1
            scope = self.pick(kinds)(scope)
        self.depth -= 1
        return scope

    def func(self) -> Func:
        n = Var(I64, "n")
        self.n = n
        vector, matrix = Type("f64", (n,)), Type("f64", (n, n))
        params = (n, Var(F64, "s"), Var(vector, "x"), Var(vector, "y"), Var(matrix, "z"))

        def body(n: Atom, s: Atom, x: Atom, y: Atom, z: Atom) -> list[Atom]:
            scope = Scope(scalars=(s,), vectors=(x, y), matrices=(z,))
            while self.size > 0:
                scope = self.statements(scope)
            return [scope.scalars[-1], scope.vectors[-1], scope.matrices[-1]]

        return Func("random", self.b.block_with(params, body))


@st.composite
def functions(draw: Callable[..., Any], size: int = 12, smooth: bool = False) -> Func:
    """A function of about `size` statements."""
    return Generator(draw, draw(st.integers(1, size)), smooth).func()


def arguments(func: Func, n: int = 3, seed: int = 0) -> list[Any]:
    """Arguments of a generated function, numbers between -1 and 1."""
    random = np.random.default_rng(seed)
    return [n, random.uniform(-1, 1), *(random.uniform(-1, 1, shape) for shape in ((n,), (n,), (n, n)))]
