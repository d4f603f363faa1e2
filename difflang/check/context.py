"""The state of one elaboration, and what every part of the elaborator asks of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from difflang.check.dispatch import EXPRESSIONS
from difflang.check.environment import Scope
from difflang.check.sizing import SizeTable
from difflang.check.types import INT, Type, real_of, type_text
from difflang.check.values import Arguments, Array, ErrorValue, FunctionValue, Scalar, Value, type_of
from difflang.core.builder import Builder
from difflang.core.ir import Atom, Var
from difflang.diagnostics.model import Diagnostic, DiffLangError, Label, Span, error
from difflang.signature import DataInfo, ScalarType
from difflang.sizes import Size
from difflang.syntax import ast

if TYPE_CHECKING:
    from difflang.check.program import Program

WORK = 15_000
REPEATS = 40
"""Expressions that may be elaborated for one program: so many, and each of them so often on average. The library's and
the examples' are elaborated 17 times at most; beyond this, inlining is taken to be exponential."""


class Poisoned(Exception):
    """Raised by a use of something whose own error has been reported already."""


class Unsketched(Exception):
    """Raised where derivatives are needed of which only the types were made."""


@dataclass(frozen=True, slots=True)
class Activation:
    """A call that is being elaborated: the syntax node of the function, its name, and the place of the call."""

    node: ast.Node
    name: str
    span: Span
    higher_order: bool


@dataclass(frozen=True, slots=True)
class Effort:
    """What a call takes: expressions to look at, and equations."""

    expressions: int
    equations: int


class Work:
    """What has been elaborated: how many expressions, and which. Several elaborations may share it.

    `known` holds functions that calls need not look into (`known.py`), and what they would take if they did.
    """

    def __init__(self) -> None:
        self.done = 0
        self.nodes: set[int] = set()
        self.known: dict[ast.Node, Effort] = {}

    def add(self, node: ast.Node) -> bool:
        """Whether one more expression is too much."""
        self.done += 1
        self.nodes.add(id(node))
        return self.is_too_much()

    def is_too_much(self) -> bool:
        return self.done > WORK and self.done > WORK + REPEATS * len(self.nodes)


class Context:
    """One elaboration: a Core builder, the sizes in play, the calls being inlined, and what was found."""

    def __init__(self, program: Program, precision: str = "f64", work: Work | None = None) -> None:
        self.program = program
        self.builder = Builder()
        self.sizes = SizeTable(self.builder, program.data_sizes)
        self.real: ScalarType = real_of(precision)
        self.activations: list[Activation] = []
        self.found: list[Diagnostic] = []
        self.checking = False
        self.sketching = False
        self.warnings: list[Diagnostic] = []
        self.data: dict[ast.DataDef, Value] = {}
        self._data_params: list[Var] = []
        self._data_infos: list[DataInfo] = []
        self.work = work or Work()

    # --- elaboration ---

    def evaluate(self, node: ast.Expr, scope: Scope, expected: Type | None = None) -> Value:
        """The value of an expression. `expected` guides literals; the caller still coerces the result.

        Raises DiffLangError for a mistake in the program, Poisoned where one was reported before.
        """
        if self.work.add(node):
            raise self._too_large(node.span)
        builder = self.builder
        outer, places = builder.span, self.program.places
        builder.span = places.shown(node.span, outer)
        try:
            value = EXPRESSIONS[type(node)](self, node, scope, expected)
        except DiffLangError as failure:
            raise places.seen_from(failure, node.span) from None
        finally:
            builder.span = outer
        if isinstance(value, ErrorValue):
            raise Poisoned
        return value

    def skip(self, effort: Effort, span: Span) -> None:
        """Counts what a call takes that is not looked into. Raises E0309."""
        self.work.done += effort.expressions
        if self.work.is_too_much():
            raise self._too_large(span)
        self.builder.count_more(effort.equations)

    def _too_large(self, span: Span) -> DiffLangError:
        chain = [Label(a.span, f"in this call of {a.name}") for a in self.activations[-4:]]
        return error(
            "E0309",
            "this program grows without bound while its functions are put together",
            span,
            *chain,
            hint="every call is compiled in place: write repeated work as a loop, or give the result of a call a name",
        )

    @contextmanager
    def at(self, span: Span) -> Generator[None]:
        """Equations made inside carry this place."""
        outer = self.builder.span
        self.builder.span = self.program.places.shown(span, outer)
        try:
            yield
        finally:
            self.builder.span = outer

    def call(self, function: FunctionValue, values: Sequence[Value], span: Span) -> Value:
        """A call with positional values."""
        return function.call(self, Arguments(tuple(values), {}, span))

    # --- errors ---

    def error(
        self, code: str, message: str, span: Span | None, *labels: Label, hint: str | None = None
    ) -> DiffLangError:
        """A `DiffLangError` to raise."""
        return error(code, message, span, *labels, hint=hint)

    def type_of(self, value: Value) -> Type:
        return type_of(value, self.real)

    def text(self, value: Value | Type) -> str:
        """The type of a value (or a type), as the user writes it."""
        if isinstance(value, Type):
            return type_text(value)
        return type_text(type_of(value, self.real))

    # --- sizes ---

    def size_of(self, value: Scalar) -> Size:
        """The value of an int as a size; a new name where nothing is known of it."""
        return value.size if value.size is not None else self.sizes.of_atom(value.atom)

    def int_of(self, size: Size) -> Scalar:
        """A size as an int."""
        return Scalar(self.sizes.value(size), INT, size)

    def array(self, atom: Atom, element: ScalarType) -> Array:
        """An array around a Core atom; its sizes are read from the atom's type."""
        return Array(atom, element, tuple(self.sizes.of_atom(dim) for dim in atom.type.shape))

    def wrap(self, atom: Atom, element: ScalarType) -> Scalar | Array:
        """A scalar or an array around a Core atom, by its rank."""
        return self.array(atom, element) if atom.type.shape else Scalar(atom, element)

    def shape_atoms(self, shape: Sequence[Size]) -> list[Atom]:
        """The Core atoms of the dimensions of a shape."""
        return [self.sizes.dimension(s) for s in shape]

    # --- data items ---

    def add_data(self, node: ast.DataDef, value: Value, params: Sequence[Var], info: DataInfo) -> None:
        """Records that the program needs a `data` item."""
        self.data[node] = value
        self._data_params.extend(params)
        self._data_infos.append(info)

    def data_params(self) -> list[Var]:
        return self._data_params

    def data_infos(self) -> list[DataInfo]:
        return self._data_infos

    def require_data(self) -> None:
        """A size that is known from a data item only needs the item, even when nothing reads it."""
        for item in self.program.tree.items:
            if isinstance(item, ast.DataDef) and any(self.sizes.is_used(n) for n in self.program.root.data_sizes(item)):
                self.evaluate(ast.Name(item.name_span, item.name), self.program.root)
