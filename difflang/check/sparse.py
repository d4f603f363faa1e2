"""`jacobian(f, sparse = true)` and `hessian(f, sparse = true)`: matrices by their entries."""

from __future__ import annotations

from functools import cache

from difflang.check.context import Context
from difflang.check.derivatives import Derivative, Grad, LinearDerivative, several
from difflang.check.differentiated import Linear, Wrt, make_ready
from difflang.check.environment import Scope
from difflang.check.jacobians import Asked
from difflang.check.types import INT, StructInfo, StructType, is_float
from difflang.check.values import Arguments, Array, FunctionValue, Scalar, StructValue, TupleValue, Value
from difflang.core.ir import walk
from difflang.derive.sparse import sparse_jacobian
from difflang.diagnostics.model import Span
from difflang.syntax import ast, parse

SOURCE = """## A matrix by its entries; `colours` products with it (or its transpose) determine these.
struct Sparse[k]:
    rows: int[k]
    cols: int[k]
    values: real[k]
    shape: (int, int)
    colours: int
"""


@cache
def sparse_info() -> StructInfo:
    """The struct of compressed matrices."""
    (definition,) = parse(SOURCE, "<sparse>").items
    assert isinstance(definition, ast.StructDef)
    return StructInfo(definition, Scope(None), ("size",))


class SparseJacobian(LinearDerivative):
    """The Jacobian of a vector in a vector, as a struct of rows, columns, values and shape."""

    operator = "jacobian"
    symmetric = False

    def __init__(self, inner: FunctionValue, wrt: Wrt, asked: Asked | None = None) -> None:
        super().__init__(inner, wrt)
        self.asked = asked or Asked(self.operator, inner.name)

    def apply(self, context: Context, linear: Linear, directions: list[Value], span: Span) -> Value:
        count = len(linear.values)
        return several([compressed(context, linear, k, self.asked, span, self.symmetric) for k in range(count)])


class SymmetricJacobian(SparseJacobian):
    """That of a gradient."""

    symmetric = True


class SparseHessian(Derivative):
    """The compressed Jacobian of the gradient by one argument."""

    operator = "hessian"

    def call(self, context: Context, arguments: Arguments) -> Value:
        if self.wrt.count > 1:
            message = "The compressed Hessian is by one argument"
            raise context.error(
                "E0505", message, self.wrt.span, hint="leave out `sparse`, or put the arguments into one"
            )
        made = SparseJacobian if self._has_rules(context, arguments) else SymmetricJacobian
        asked = Asked(self.operator, self.inner.name)
        return made(Grad(self.inner, self.wrt, self.operator), self.wrt, asked).call(context, arguments)

    def _has_rules(self, context: Context, arguments: Arguments) -> bool:
        """A rule may break the symmetry of second derivatives."""
        linear = Linear(context, make_ready(context, self.inner, self.wrt, arguments, ()))
        return any(eqn.op == "rule" for eqn in walk(linear.primal))


def compressed(context: Context, linear: Linear, which: int, asked: Asked, span: Span, symmetric: bool) -> Value:
    """Raises E0505 unless argument and result are vectors."""
    source, result = linear.values[which], linear.result
    if not isinstance(source, Array) or source.rank != 1 or len(linear.args) != len(linear.values):
        message = f"The compressed form is for vectors, but the argument is {context.text(source)}"
        raise context.error("E0505", message, span, hint=f"write {asked.of_vector(', sparse = true')}")
    if not isinstance(result, Array) or result.rank != 1 or not is_float(result.element):
        message = f"The compressed form is for vectors, but `{asked.function}` gives {context.text(result)}"
        raise context.error("E0505", message, span, hint="leave out `sparse`, or flatten the result with reshape")
    found = sparse_jacobian(context.builder, linear.block, linear.args, which, symmetric=symmetric)
    count = context.sizes.fresh("entries", found.count, natural=True)
    fields: dict[str, Value] = {
        "rows": Array(found.rows, INT, (count,)),
        "cols": Array(found.columns, INT, (count,)),
        "values": Array(found.values, source.element, (count,)),
        "shape": TupleValue((context.int_of(result.shape[0]), context.int_of(source.shape[0]))),
        "colours": Scalar(found.sweeps, INT),
    }
    return StructValue(StructType(sparse_info(), (count,)), fields)
