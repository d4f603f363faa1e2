"""From a program for one thread to a program for several.

`ForThreads` cuts the outermost loops that can be shared (`sharing`) into ranges. Into how many depends on the sizes
alone (`work`) and not on the number of threads, and what the ranges of a sum give is added up in their order: so the
results are the same bits for every number of threads. `AskForThreads` leaves a program as it is, but for saying at its
start whether some loop has so much to do that the other program should be run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.bodies import with_bodies
from difflang.loops.ir import Array, Body, Operand, Program, Register, Statement
from difflang.loops.threads.nests import Pieces, with_pieces
from difflang.loops.threads.polynomial import Polynomial
from difflang.loops.threads.ranges import Cut, is_enough, is_enough_for_copies
from difflang.loops.threads.sharing import Facts, Sharing, facts
from difflang.loops.threads.work import Definitions, Estimator, definitions
from difflang.loops.values import assigned

FEWEST = 4
"""A loop that is known to have fewer turns is not cut, but the loops inside it may be."""


@dataclass(frozen=True, slots=True)
class ForThreads:
    """Cuts loops into ranges for threads."""

    def __call__(self, program: Program) -> Program:
        return replace(program, body=_Candidates(program).changed(_cut))


@dataclass(frozen=True, slots=True)
class AskForThreads:
    """Puts a `PreferThreads` at the start where a loop may have enough to do."""

    def __call__(self, program: Program) -> Program:
        candidates = _Candidates(program)
        estimator = Estimator(candidates.definitions, candidates.params)
        works: list[Polynomial] = []
        copying: list[tuple[Polynomial, Sequence[Array]]] = []

        def ask(candidate: Candidate) -> Body:
            work, private = estimator.body(candidate.statements), candidate.sharing.private
            if private:
                copying.append((work, private))
            else:
                works.append(work)
            return candidate.statements

        candidates.changed(ask)
        wish: Operand = Literal(False, "bool")
        for work in _largest(works):
            wish = _either(estimator, wish, is_enough(estimator, work))
        for work, private in copying:
            wish = _either(estimator, wish, is_enough_for_copies(estimator, work, private))
        if wish == Literal(False, "bool"):
            return program
        return replace(program, body=(*estimator.statements, ir.PreferThreads(wish), *program.body))


def _largest(works: Sequence[Polynomial]) -> list[Polynomial]:
    """Those that no other covers: if one of all is large enough, one of these is, or nearly so."""
    kept: list[Polynomial] = []
    for work in works:
        if not any(other.covers(work) for other in kept):
            kept = [other for other in kept if not work.covers(other)] + [work]
    return kept


PASSES = (AskForThreads(), ForThreads())
"""What a backend with threads runs after all others: the first on a program for one, the second for several."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A loop, copy or fill that threads can share, or the pieces of a loop, and an estimator for their place."""

    statements: tuple[ir.For | ir.Copy | ir.Fill, ...]
    sharing: Sharing
    estimator: Estimator


def _cut(candidate: Candidate) -> Body:
    return Cut(candidate.estimator, candidate.sharing).of(candidate.statements)


def _either(estimator: Estimator, one: Operand, other: Operand) -> Operand:
    for first, second in ((one, other), (other, one)):
        if isinstance(first, Literal):
            return first if first.value else second
    return estimator.emitted("or", one, other)


class _Candidates:
    """The outermost loops of a program that threads can share, wherever they stand."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._known: Facts | None = None
        self.params = {param for param in program.params if isinstance(param, Register)}
        self.definitions: Definitions = definitions(program.body)

    def changed(self, change: Callable[[Candidate], Body]) -> Body:
        """The body of the program with every candidate changed."""
        return self._body(self.program.body, set(self.params), change)

    def _body(self, body: Body, known: set[Register], change: Callable[[Candidate], Body]) -> Body:
        """What is `known` grows on the way, and is at the end what it was before."""
        result, entered = list[Statement](), set[Register]()
        for statement in self._with_pieces(body, known):
            if isinstance(statement, Candidate):
                result += change(statement)
                continue
            own = {name for name in assigned(statement) if isinstance(name, Register) and name not in known}
            known.update(own)
            result.append(with_bodies(statement, lambda inner: self._body(inner, known, change)))
            if isinstance(statement, ir.For):
                known.difference_update(own)
            else:
                entered.update(own)
        known.difference_update(entered)
        return tuple(result)

    def _with_pieces(self, body: Body, known: set[Register]) -> Iterator[Statement | Candidate]:
        """The statements of a body, candidates as such; `known` grows while they are taken."""
        for part in with_pieces(body):
            together = self._together(part, known) if isinstance(part, Pieces) else None
            if isinstance(part, Pieces) and together:
                yield from part.between
                yield together
                continue
            for statement in part.statements if isinstance(part, Pieces) else (part,):
                yield self._candidate(statement, known) or statement

    def _together(self, pieces: Pieces, known: set[Register]) -> Candidate | None:
        """Pieces of a loop as one candidate."""
        known = known | {apply.out for apply in pieces.between}
        if not self._may_be_enough(pieces.loops, known) or _is_few(pieces.loops):
            return None
        sharing = self._facts().sharing_of_pieces(pieces.loops)
        return Candidate(pieces.loops, sharing, Estimator(self.definitions, known)) if sharing else None

    def _candidate(self, statement: Statement, known: set[Register]) -> Candidate | None:
        if not isinstance(statement, ir.For | ir.Copy | ir.Fill) or not self._may_be_enough((statement,), known):
            return None
        sharing = self._sharing(statement)
        return Candidate((statement,), sharing, Estimator(self.definitions, known)) if sharing else None

    def _may_be_enough(self, statements: Body, known: set[Register]) -> bool:
        """Whether threads may be worth it, as far as it is known before the program runs."""
        estimator = Estimator(self.definitions, known)
        return is_enough(estimator, estimator.body(statements)) != Literal(False, "bool")

    def _facts(self) -> Facts:
        """Gathered when the first loop has enough to do: most programs have none."""
        if self._known is None:
            self._known = facts(self.program)
        return self._known

    def _sharing(self, statement: Statement) -> Sharing | None:
        match statement:
            case ir.For():
                return None if _is_few((statement,)) else self._facts().sharing(statement)
            case ir.Copy(target=array) | ir.Fill(array=array):
                return Sharing() if array.rank else None
            case _:
                return None


def _is_few(loops: Sequence[ir.For]) -> bool:
    """Whether loops are known to have too few turns together."""
    extents = [loop.extent for loop in loops]
    known = [int(extent.value) for extent in extents if isinstance(extent, Literal)]
    return len(known) == len(extents) and sum(known) < FEWEST
