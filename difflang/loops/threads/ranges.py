"""Loops cut into ranges: how many, and what each range has for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from difflang.core.ir import Literal
from difflang.core.ops import integer
from difflang.loops import ir
from difflang.loops.ir import ZERO, Array, Body, Operand, Parallel, Reduction, Register, Statement
from difflang.loops.lower_loops import neutral
from difflang.loops.scheduler import zero
from difflang.loops.threads.polynomial import Polynomial, constant, total
from difflang.loops.threads.sharing import Sharing
from difflang.loops.threads.work import ACCESS, FILLED, Estimator, number
from difflang.loops.values import Name, substituted

THRESHOLD = 200_000.0
"""Work (see `work`) from which threads are worth it: some twenty microseconds."""

GRAIN = 100_000.0
"""The work of one range, unless there would be fewer than `LEAST` or more than `MOST`."""

LEAST = 8
"""Ranges of a loop that is cut at all, and of what their number is a multiple: so each of two, four or eight threads
gets as many, and none has to wait for the last range of another."""

FEW = 2
"""Of what the number is a multiple where there are less than `LEAST`."""

MOST = 64
"""Ranges of a loop; more would help only machines with more cores."""

MOST_COPIES = 16
"""Ranges of a loop that needs copies of arrays for each of them."""

LENGTH_BY_OVERLAP = 8
"""The least length of ranges that overlap, in units of the overlap: what waits for the second round is little."""

COPY_COST = 8 * (2 * ACCESS + FILLED)
"""Work that must be there for each element of a copy: to set it to zero and to add it up is then an eighth more."""


def is_enough(estimator: Estimator, work: Polynomial) -> Operand:
    """Whether threads are worth it."""
    if work.constant is not None:
        return Literal(work.constant >= THRESHOLD, "bool")
    return estimator.emitted("ge", estimator.operand(work), number(THRESHOLD))


def is_enough_for_copies(estimator: Estimator, work: Polynomial, arrays: Sequence[Array]) -> Operand:
    """Whether threads are worth it where each of the fewest ranges needs copies of these arrays."""
    enough = is_enough(estimator, work)
    for array in arrays:
        cost = estimator.elements(array) * constant(FEW * COPY_COST)
        if isinstance(enough, Literal) and not enough.value:
            break
        covered = estimator.emitted("ge", estimator.operand(work), estimator.operand(cost))
        enough = covered if isinstance(enough, Literal) else estimator.emitted("and", enough, covered)
    return enough


class Cut:
    """Makes the statements that do on threads what others did; `estimator` gathers those before."""

    def __init__(self, estimator: Estimator, sharing: Sharing) -> None:
        self.estimator = estimator
        self.sharing = sharing
        self.chunk, self.begin, self.end = (Register("i64", name) for name in ("range", "begin", "end"))
        self.before: list[Statement] = []
        self.inside: list[Statement] = []
        self.behind: list[Statement] = []
        self.after: list[Statement] = []
        self.names: dict[Name, Name] = {}

    def of(self, statements: Sequence[ir.For | ir.Copy | ir.Fill]) -> Body:
        """For a loop, the pieces of one, a copy or a fill."""
        first, *_ = statements
        if isinstance(first, ir.For):
            return self._loops([statement for statement in statements if isinstance(statement, ir.For)])
        return self._rows(first)

    # --- loops ---

    def _loops(self, pieces: Sequence[ir.For]) -> Body:
        """A loop, or the pieces of one, whose turns are counted through: a range has its part of each piece."""
        e = self.estimator
        chunks = self.chunks(e.body(tuple(pieces)), total([e.size(piece.extent) for piece in pieces]))
        for reduction in {r.register: r for piece in pieces for r in piece.reductions}.values():
            self._partial(reduction, chunks)
        if self.sharing.private:
            self._copies(chunks)
        extent = self._parts(pieces) if len(pieces) > 1 else self._part(pieces[0], self.begin, self.end)
        parallel = self.parallel(extent, chunks, [*self.inside, *self.behind])
        statements = (*e.statements, *self.before, parallel, *self.after)
        return (ir.Scope(statements),) if self.sharing.private else statements

    def _parts(self, pieces: Sequence[ir.For]) -> Operand:
        """Puts the part of every piece inside; gives the number of all turns."""
        done: Operand = ZERO
        for piece in pieces:
            length = self.estimator.emitted("max", piece.extent, ZERO)
            self._part(piece, *(self._place(edge, done, length) for edge in (self.begin, self.end)))
            done = self.estimator.emitted("add", done, length)
        return done

    def _place(self, place: Operand, done: Operand, length: Operand) -> Operand:
        """Where a place among all turns lies in a piece of this length that comes after those done: at an end of it
        if not inside."""
        for primitive, operand in (("sub", done), ("max", ZERO), ("min", length)):
            moved = Register("i64")
            self.inside.append(ir.Apply(moved, primitive, (place, operand)))
            place = moved
        return place

    def _part(self, loop: ir.For, start: Operand, end: Operand) -> Operand:
        """Puts a part of a loop inside; gives the number of its turns."""
        own = tuple(replace(r, register=self._own(r.register)) for r in loop.reductions)
        body = substituted(loop.body, self.names)
        self.inside.append(replace(loop, body=body, start=start, extent=end, reductions=own))
        return loop.extent

    def _own(self, register: Register) -> Register:
        own = self.names[register]
        assert isinstance(own, Register)
        return own

    def parallel(self, extent: Operand, chunks: Operand, body: Sequence[Statement]) -> Parallel:
        return Parallel(self.chunk, self.begin, self.end, extent, chunks, tuple(body), self.sharing.overlap)

    def chunks(self, work: Polynomial, size: Polynomial) -> Operand:
        """The number of ranges of a loop of so many turns, from the sizes alone; 1 where threads are not worth it."""
        e = self.estimator
        operand = e.operand(work)
        wanted = e.apply("max", e.apply("div", operand, number(GRAIN)), number(float(LEAST)))
        most = e.apply("min", wanted, number(float(MOST)))
        shortest = float(max(1, LENGTH_BY_OVERLAP * self.sharing.overlap))
        most = e.apply("min", most, e.operand(size * constant(1.0 / shortest)))
        for array in self.sharing.private:
            cost = e.operand(e.elements(array) * constant(COPY_COST))
            share = e.apply("div", operand, e.apply("max", cost, number(1.0)))
            most = e.apply("min", e.apply("min", most, share), number(float(MOST_COPIES)))
        enough = is_enough(e, work)
        if isinstance(most, Literal) and isinstance(enough, Literal):
            unit = LEAST if most.value >= LEAST else FEW
            return integer(max(1, int(most.value / unit) * unit) if enough.value else 1)
        unit = e.emitted(
            "select", e.emitted("ge", most, number(float(LEAST))), number(float(LEAST)), number(float(FEW))
        )
        even = e.emitted("mul", e.emitted("floor", e.emitted("div", most, unit)), unit)
        count = e.emitted("convert", even, dtype="i64")
        return e.emitted("max", e.emitted("select", enough, count, integer(1)), integer(1))

    # --- reductions ---

    def _partial(self, reduction: Reduction, chunks: Operand) -> None:
        """A range reduces into a register of its own, which it keeps in an array; the array is reduced in order."""
        register, op = reduction.register, reduction.op
        partial = Array(register.dtype, (integer(MOST),), "partial")
        own = Register(register.dtype, register.name, mutable=True)
        self.names[register] = own
        self.before += [ir.Allocate(partial, "stack"), ir.Fill(partial, neutral(op, register.dtype))]
        self.inside.append(ir.Load(own, partial, (self.chunk,)))
        self.behind.append(ir.Store(partial, (self.chunk,), own))
        number, part = Register("i64", "range"), Register(register.dtype)
        reduce = (ir.Load(part, partial, (number,)), ir.Apply(register, op, (register, part)))
        self.after.append(ir.For(number, chunks, reduce))

    # --- copies ---

    def _copies(self, chunks: Operand) -> None:
        """With several ranges, each adds to a copy of its own; with one, to the array itself."""
        several = self.estimator.emitted("gt", chunks, integer(1))
        count = self.estimator.emitted("select", several, chunks, ZERO)
        for array in self.sharing.private:
            copies = Array(array.dtype, (count, *array.shape), array.name)
            chosen, copy = Array(array.dtype, array.shape, array.name, mutable=True), _like(array)
            self.names[array] = chosen
            self.before.append(ir.Allocate(copies))
            fresh = (ir.View(copy, copies, (self.chunk,)), ir.Fill(copy, zero(array.dtype)))
            self.inside.append(
                ir.If(several, (*fresh, ir.Rebind((chosen,), (copy,))), (ir.Rebind((chosen,), (array,)),))
            )
            self.after.append(ir.If(several, self._added_up(array, copies, chunks)))

    def _added_up(self, array: Array, copies: Array, chunks: Operand) -> Body:
        """Adds the copies to the array, one after the other, with threads over the first dimension."""
        cut, e = Cut(self.estimator, Sharing()), self.estimator
        count = e.of_register(e.emitted("convert", chunks, dtype="f64"))
        work = e.elements(array) * count * constant(2 * ACCESS)
        ranges = cut.chunks(work, e.size(array.shape[0]))
        number = Register("i64", "copy")
        indices = tuple(Register("i64", "ijklmn"[axis % 6]) for axis in range(array.rank))
        element = Register(array.dtype)
        body: Body = (
            ir.Load(element, copies, (number, *indices)),
            ir.Accumulate(array, indices, element, indices),
        )
        for axis in reversed(range(array.rank)):
            start, extent = (cut.begin, cut.end) if axis == 0 else (ZERO, array.shape[axis])
            kind = "vector" if axis == array.rank - 1 else "parallel"
            body = (ir.For(indices[axis], extent, body, kind, start=start),)
        return (cut.parallel(array.shape[0], ranges, [ir.For(number, chunks, body)]),)

    # --- copies and fills of memory ---

    def _rows(self, statement: ir.Copy | ir.Fill) -> Body:
        """A copy or a fill of the rows of each range."""
        arrays = (statement.target, statement.source) if isinstance(statement, ir.Copy) else (statement.array,)
        extent = arrays[0].shape[0]
        chunks = self.chunks(self.estimator.statement(statement), self.estimator.size(extent))
        count = Register("i64", "count")
        rows = [Array(array.dtype, (count, *array.shape[1:]), array.name) for array in arrays]
        views = [ir.View(row, array, (self.begin,)) for row, array in zip(rows, arrays, strict=True)]
        last = ir.Fill(rows[0], statement.value) if isinstance(statement, ir.Fill) else ir.Copy(rows[0], rows[1])
        body = [ir.Apply(count, "sub", (self.end, self.begin)), *views, last]
        return (*self.estimator.statements, self.parallel(extent, chunks, body))


def _like(array: Array) -> Array:
    return Array(array.dtype, array.shape, array.name)
