"""The abstract syntax tree. Every node carries the span of the text it was read from.

Type expressions are ordinary expressions (`real[n, d]` is an `Index`), except function types and
tuple types, which have nodes of their own where an expression could not say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from difflang.diagnostics.model import Span


@dataclass(frozen=True, slots=True)
class Node:
    span: Span


# --- expressions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number(Node):
    """`2` (an int) or `0.5`, `1e-3` (a float). The type it takes depends on its context."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Boolean(Node):
    value: bool


@dataclass(frozen=True, slots=True)
class String(Node):
    value: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Attribute(Node):
    """`p.weight`, `linalg.solve`, `A.T`. `name_span` is the place of the part after the dot."""

    value: Expr
    name: str
    name_span: Span


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """`a:b`, `a:`, `:b` or `:` inside an index."""

    start: Expr | None
    stop: Expr | None


@dataclass(frozen=True, slots=True)
class Index(Node):
    value: Expr
    indices: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Keyword(Node):
    """`name = value` in a call. The span covers both."""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Spread(Node):
    """`..p` as the first argument of a struct's constructor."""

    value: Expr


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`f(a, b, name = c)`. A reduction over a generator has one `Generator` among `args`."""

    function: Expr
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    operator: Literal["-", "+", "not"]
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Node):
    operator: Literal["+", "-", "*", "/", "//", "%", "**", "@", "and", "or"]
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """`a < b <= c` has operands (a, b, c) and operators ("<", "<=")."""

    operands: tuple[Expr, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """`then if condition else otherwise`"""

    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Parameter(Node):
    name: str
    type: TypeExpr | None
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Lambda(Node):
    parameters: tuple[Parameter, ...]
    body: Expr


@dataclass(frozen=True, slots=True)
class Tuple(Node):
    elements: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class ArrayLiteral(Node):
    elements: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Clause(Node):
    """`i`, `i in a..b` or `i in a..b by s`; `start` and `stop` are None where the range is inferred."""

    name: str
    start: Expr | None
    stop: Expr | None
    step: Expr | None


@dataclass(frozen=True, slots=True)
class Generator(Node):
    """`e for i in 0..n, j if c`, the argument of a reduction."""

    element: Expr
    clauses: tuple[Clause, ...]
    condition: Expr | None


@dataclass(frozen=True, slots=True)
class Comprehension(Node):
    """`[e for i in 0..n, j]`"""

    element: Expr
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class FunctionType(Node):
    """`fn(real[n]) -> real`"""

    parameters: tuple[TypeExpr, ...]
    result: TypeExpr


Expr = (
    Number | Boolean | String | Name | Attribute | Slice | Index | Spread | Call | Unary | Binary | Comparison
    | Conditional | Lambda | Tuple | ArrayLiteral | Generator | Comprehension | FunctionType
)  # fmt: skip
TypeExpr = Expr
"""A `Name` (`real`, `T`), an `Index` of a name (`real[n]`, `P[k, d]`), an `Attribute` (`optim.Method`),
a `Tuple` of types or a `FunctionType`."""


# --- statements ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Let(Node):
    """`let x: type = e`, `var x = e`, `let (a, b) = e`. A target is a `Name` or a `Tuple` of targets."""

    target: Name | Tuple
    type: TypeExpr | None
    value: Expr
    mutable: bool


@dataclass(frozen=True, slots=True)
class Assign(Node):
    """`x = e`, `a[i] += e`, `p.w = e`; `operator` is the part before `=`, or None."""

    target: Expr
    operator: Literal["+", "-", "*", "/", "//", "%", "**", "@"] | None
    value: Expr


@dataclass(frozen=True, slots=True)
class If(Node):
    """`branches` holds (condition, body) for `if` and each `elif`; `otherwise` is empty without an `else`."""

    branches: tuple[tuple[Expr, tuple[Statement, ...]], ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class For(Node):
    """`for t in start..stop by step:`; `variable` is the loop variable's name."""

    variable: Name
    start: Expr
    stop: Expr
    step: Expr | None
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class While(Node):
    condition: Expr
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Break(Node):
    pass


@dataclass(frozen=True, slots=True)
class Continue(Node):
    pass


@dataclass(frozen=True, slots=True)
class Return(Node):
    value: Expr | None


@dataclass(frozen=True, slots=True)
class Assert(Node):
    condition: Expr
    message: Expr | None


@dataclass(frozen=True, slots=True)
class ExprStatement(Node):
    """A call that stands alone: `print(...)`, `report(...)`."""

    value: Expr


Statement = Let | Assign | If | For | While | Break | Continue | Return | Assert | ExprStatement


# --- items ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Import(Node):
    """`import optim`, `import optim.adam as adam`"""

    module: tuple[str, ...]
    alias: str | None


@dataclass(frozen=True, slots=True)
class FromImport(Node):
    """`from linalg import cholesky, qr as orthogonal`: names as (name, alias or None, span)."""

    module: tuple[str, ...]
    names: tuple[tuple[str, str | None, Span], ...]


@dataclass(frozen=True, slots=True)
class TypeParameter(Node):
    """A name between the brackets of a `fn` or `struct`; `static` asks for a specialisation per value."""

    name: str
    static: bool


@dataclass(frozen=True, slots=True)
class FunctionDef(Node):
    """`fn` with a block or `= expression` (then the body is one `Return`). `name_span` is its name's place."""

    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    parameters: tuple[Parameter, ...]
    result: TypeExpr | None
    body: tuple[Statement, ...]
    doc: str | None


@dataclass(frozen=True, slots=True)
class ExternDef(Node):
    name: str
    name_span: Span
    parameters: tuple[Parameter, ...]
    result: TypeExpr | None
    doc: str | None


@dataclass(frozen=True, slots=True)
class Condition(Node):
    """`where left == right via solver`"""

    left: Expr
    right: Expr
    solver: Expr | None


@dataclass(frozen=True, slots=True)
class ImplicitDef(Node):
    """`implicit fn f(..) -> w: type:` or `-> (x: type, y: type):` with its conditions and the solver's body."""

    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    parameters: tuple[Parameter, ...]
    unknowns: tuple[Parameter, ...]
    conditions: tuple[Condition, ...]
    body: tuple[Statement, ...]
    doc: str | None


@dataclass(frozen=True, slots=True)
class RuleDef(Node):
    """`rule jvp f(x, dx) = e` or with a block; parameters have no types."""

    mode: Literal["jvp", "vjp"]
    function: str
    function_span: Span
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Field(Node):
    name: str
    type: TypeExpr


@dataclass(frozen=True, slots=True)
class StructDef(Node):
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    fields: tuple[Field, ...]
    doc: str | None


@dataclass(frozen=True, slots=True)
class ConstDef(Node):
    name: str
    name_span: Span
    type: TypeExpr | None
    value: Expr
    doc: str | None


@dataclass(frozen=True, slots=True)
class DataDef(Node):
    """`data x: real[n, d] = load("file.csv")`; `source` is the call on the right."""

    name: str
    name_span: Span
    type: TypeExpr
    source: Expr
    doc: str | None


@dataclass(frozen=True, slots=True)
class TestDef(Node):
    name: str
    body: tuple[Statement, ...]


Item = Import | FromImport | FunctionDef | ExternDef | ImplicitDef | RuleDef | StructDef | ConstDef | DataDef | TestDef


@dataclass(frozen=True, slots=True)
class Module(Node):
    """A whole file. `doc` is the `##` text at its head."""

    path: str
    items: tuple[Item, ...]
    doc: str | None
