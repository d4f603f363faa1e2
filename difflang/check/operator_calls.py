"""The derivative operators as they are written: `grad(f, wrt = (a, b))`, where `wrt` holds names, not values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from difflang.check.checkpoint import Checkpoint
from difflang.check.context import Context
from difflang.check.derivatives import (
    GaussNewton,
    Grad,
    Hessian,
    Hvp,
    Jacobian,
    Jvp,
    ValueAndGrad,
    Vjp,
    stop,
)
from difflang.check.differentiated import Wrt
from difflang.check.environment import Scope
from difflang.check.gradcheck import CheckGrad
from difflang.check.leaves import materialize
from difflang.check.memory import budget
from difflang.check.parts import Part
from difflang.check.sparse import SparseHessian, SparseJacobian
from difflang.check.taylor import MAXIMUM_ORDER, CurveJet, Jet, ScalarDerivative
from difflang.check.values import Arguments, FunctionValue, Number, Scalar, TypeValue, Value
from difflang.core.ir import Literal
from difflang.diagnostics.model import Span
from difflang.syntax import ast

Options = dict[str, ast.Expr]


@dataclass
class Site:
    """One use of an operator: the evaluated function arguments, the options as written."""

    context: Context
    node: ast.Call
    scope: Scope
    functions: list[FunctionValue]
    wrt: Wrt
    options: Options


Make = Callable[[Site], FunctionValue]
Made = Callable[[FunctionValue, Wrt], FunctionValue]


class Operator(FunctionValue):
    """An operator that takes `functions` functions and the named `options` besides `wrt`."""

    def __init__(self, name: str, make: Make, functions: int = 1, options: tuple[str, ...] = ()) -> None:
        self.name = name
        self.make = make
        self.functions = functions
        self.options = options

    def written(self, context: Context, node: ast.Call, scope: Scope) -> FunctionValue:
        """The operator's result at a call, read from the syntax. Raises E0302, E0506."""
        if len(node.args) != self.functions:
            what = "one function" if self.functions == 1 else f"{self.functions} functions"
            raise context.error(
                "E0302",
                f"`{self.name}` takes {what} here, and its arguments after that",
                node.span,
                hint=f"write {self.name}(f)(x)",
            )
        functions = [_function(context, a, scope, self.name) for a in node.args]
        self._refuse_unknown(context, node)
        options: Options = {k.name: k.value for k in node.keywords if k.name != "wrt"}
        wrt = next((k.value for k in node.keywords if k.name == "wrt"), None)
        named = replace(_wrt(context, wrt, scope, node.span), memory=budget(context, options.get("memory"), scope))
        return self.make(Site(context, node, scope, functions, named, options))

    def _refuse_unknown(self, context: Context, node: ast.Call) -> None:
        """Raises E0302 for an option that the operator does not have."""
        for keyword in node.keywords:
            if keyword.name not in ("wrt", *self.options):
                known = ", ".join(("wrt", *self.options))
                named = "name the parameter instead of its number, such as `wrt = x`"
                raise context.error(
                    "E0302",
                    f"`{self.name}` has no option called `{keyword.name}`",
                    keyword.span,
                    hint=named if keyword.name == "argnums" else f"its options are {known}",
                )

    def call(self, context: Context, arguments: Arguments) -> Value:
        """An operator that was passed as a value: `wrt` is the first argument."""
        functions = [v for v in arguments.positional if isinstance(v, FunctionValue)]
        if len(functions) != self.functions or len(functions) != len(arguments.positional):
            raise context.error(
                "E0302", f"`{self.name}` takes a function", arguments.span, hint=f"write {self.name}(f)"
            )
        empty = ast.Call(arguments.span, ast.Name(arguments.span, self.name), (), ())
        return self.make(Site(context, empty, Scope(None), functions, Wrt(None, arguments.span), {}))


def _function(context: Context, node: ast.Expr, scope: Scope, operator: str) -> FunctionValue:
    value = context.evaluate(node, scope)
    if isinstance(value, FunctionValue):
        return value
    hint = (
        f"write {operator}(f)(x): the function first, its arguments after" if not isinstance(value, TypeValue) else None
    )
    raise context.error(
        "E0506", f"`{operator}` takes a function, but this is {context.text(value)}", node.span, hint=hint
    )


def _wrt(context: Context, node: ast.Expr | None, scope: Scope, span: Span) -> Wrt:
    """`wrt = w` or `wrt = (a, b)`; a parameter may have subscripts."""
    if node is None:
        return Wrt(None, span)
    elements = node.elements if isinstance(node, ast.Tuple) else (node,)
    parts: dict[str, Part | None] = {}
    for element in elements:
        part = Part(element, scope) if isinstance(element, ast.Index) else None
        base = element.value if isinstance(element, ast.Index) else element
        name = base.name if isinstance(base, ast.Name) else getattr(base, "value", None)
        if not isinstance(name, str):
            hint = "write wrt = w, wrt = (a, b), or a part of one: wrt = w[0:3]"
            raise context.error("E0504", "`wrt` takes the names of parameters", element.span, hint=hint)
        if name in parts:
            raise context.error("E0504", f"`wrt` names `{name}` twice", element.span, hint="name each parameter once")
        parts[name] = part
    return Wrt(tuple(parts), node.span, parts={name: part for name, part in parts.items() if part is not None})


def whole_option(site: Site, name: str, default: int) -> int:
    """An option that is a literal or a `const`: a whole number >= 0."""
    node = site.options.get(name)
    if node is None:
        return default
    value = materialize(site.context, site.context.evaluate(node, site.scope))
    atom = value.atom if isinstance(value, Scalar) else None
    if not isinstance(atom, Literal) or atom.dtype != "i64" or atom.value < 0:
        raise site.context.error(
            "E0507",
            f"`{name}` must be a whole number that is known when the program is compiled",
            node.span,
            hint=f"write a number, such as {name} = 2, or the name of a const",
        )
    return int(atom.value)


def _order(site: Site) -> int:
    """The option `order`. Raises E0507 beyond MAXIMUM_ORDER."""
    order = whole_option(site, "order", 1)
    if order > MAXIMUM_ORDER:
        message = f"the order {order} is too high: a series of order k takes k**2 operations"
        hint = f"orders up to {MAXIMUM_ORDER} can be computed"
        raise site.context.error("E0507", message, site.options["order"].span, hint=hint)
    return order


def _derivative(site: Site) -> FunctionValue:
    return ScalarDerivative(site.functions[0], site.wrt, _order(site))


def _checkpoint(site: Site) -> FunctionValue:
    levels = whole_option(site, "levels", 1)
    if levels == 0:
        raise site.context.error(
            "E0507", "`levels` must be at least 1", site.options["levels"].span, hint="write checkpoint(f, levels = 2)"
        )
    return Checkpoint(site.functions[0], levels)


def _matrix(dense: Made, sparse: Made) -> Make:
    """Jacobians and Hessians: dense, or with `sparse = true` by their entries."""

    def made(site: Site) -> FunctionValue:
        node = site.options.get("sparse")
        if node is not None and not isinstance(node, ast.Boolean):
            raise site.context.error("E0507", "`sparse` is true or false", node.span, hint="write sparse = true")
        chosen = sparse if node is not None and node.value else dense
        return chosen(site.functions[0], site.wrt)

    return made


def _plain(make: Callable[[FunctionValue, Wrt], FunctionValue]) -> Make:
    return lambda site: make(site.functions[0], site.wrt)


def _taylor(site: Site) -> FunctionValue:
    if "order" not in site.options:
        return CurveJet(site.functions[0], site.wrt)
    return Jet(site.functions[0], site.wrt, _order(site))


class StopGrad(FunctionValue):
    """`stop_grad(x)`: a constant for every derivative."""

    name = "stop_grad"

    def call(self, context: Context, arguments: Arguments) -> Value:
        if len(arguments.positional) != 1 or arguments.keywords:
            raise context.error(
                "E0302",
                "`stop_grad` takes one value",
                arguments.span,
                hint="write stop_grad(x); for several values, one call for each",
            )
        value = arguments.positional[0]
        return value if isinstance(value, Number) else stop(context, value)


MEMORY = ("memory",)
"""The option of the operators that use reverse mode."""

OPERATORS: dict[str, Value] = {
    "grad": Operator("grad", _plain(Grad), options=MEMORY),
    "value_and_grad": Operator("value_and_grad", _plain(ValueAndGrad), options=MEMORY),
    "jvp": Operator("jvp", _plain(Jvp)),
    "vjp": Operator("vjp", _plain(Vjp), options=MEMORY),
    "hvp": Operator("hvp", _plain(Hvp), options=MEMORY),
    "jacobian": Operator("jacobian", _matrix(Jacobian, SparseJacobian), options=("sparse", "memory")),
    "hessian": Operator("hessian", _matrix(Hessian, SparseHessian), options=("sparse", "memory")),
    "derivative": Operator("derivative", _derivative, options=("order",)),
    "ggn": Operator("ggn", lambda site: GaussNewton(site.functions[0], site.wrt, site.functions[1]), 2, options=MEMORY),
    "jet": Operator("jet", _taylor, options=("order",)),
    "checkpoint": Operator("checkpoint", _checkpoint, options=("levels",)),
    "stop_grad": StopGrad(),
    "check_grad": CheckGrad(),
}
