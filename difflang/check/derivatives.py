"""Derivative operators: each takes a function and gives a function, whose calls are elaborated through `derive`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from difflang.check.context import Context
from difflang.check.differentiated import Linear, Wrt, fitted, make_ready, several
from difflang.check.jacobians import Asked, jacobian_block
from difflang.check.leaves import map_leaves, materialize
from difflang.check.parts import selected
from difflang.check.regions import capture
from difflang.check.types import is_float
from difflang.check.values import Arguments, Array, FunctionValue, Scalar, TupleValue, Value
from difflang.core.builder import literal
from difflang.diagnostics.model import Span

if TYPE_CHECKING:
    from difflang.check.specimens import SpecimenMaker

Named = list[tuple[str, Value]]


class Derivative(FunctionValue):
    """A function made from another by a derivative operator. `extra` names its further parameters."""

    operator = ""

    def __init__(self, inner: FunctionValue, wrt: Wrt) -> None:
        self.inner = inner
        self.wrt = wrt
        self.name = f"{self.operator}({inner.name})"

    @property
    def declared(self) -> FunctionValue:
        return self.inner.declared

    def parameter_names(self) -> Sequence[str] | None:
        names = self.inner.parameter_names()
        return None if names is None else [*names, *self.extra()]

    def extra(self) -> list[str]:
        return []

    def directions(self, single: str, prefix: str) -> list[str]:
        """One name for each differentiated argument, none of which is a parameter already."""
        names = self.inner.parameter_names() or ()
        wanted = self.wrt.names or tuple(names[:1])
        made = [f"{prefix}{name}" for name in wanted] if wanted and (prefix == "d" or len(wanted) > 1) else [single]
        return [f"{m}_" if m in names else m for m in made]

    def specimens(self, context: Context, maker: SpecimenMaker) -> Named:
        named = self.inner.specimens(context, maker)
        named += maker.defaults(self.inner, self.wrt.names, dict(named))
        values = dict(named)
        for direction, name in zip(self.extra(), self.differentiated(named), strict=False):
            part = self.wrt.parts.get(name)
            value = values[name] if part is None else selected(context, part, values[name], self.inner, named).value
            value = maker.like(value, direction)
            maker.add_info(direction, value, None, True)
            named.append((direction, value))
        return named

    def differentiated(self, named: Named) -> list[str]:
        """The names of the arguments that are differentiated by."""
        return list(self.wrt.names) if self.wrt.names is not None else [name for name, _ in named[:1]]


class LinearDerivative(Derivative):
    """One whose calls differentiate the body of the function once."""

    def call(self, context: Context, arguments: Arguments) -> Value:
        ready = make_ready(context, self.inner, self.wrt, arguments, self.extra())
        directions = [
            fitted(context, d, v, arguments.span, f"the direction of `{self.name}`")
            for d, v in zip(ready.directions, ready.values, strict=False)
        ] if self.takes_directions() else list(ready.directions)  # fmt: skip
        return self.apply(context, Linear(context, ready, self.wrt.memory), directions, arguments.span)

    def takes_directions(self) -> bool:
        """Whether the further arguments have the types of the differentiated ones."""
        return True

    @abstractmethod
    def apply(self, context: Context, linear: Linear, directions: list[Value], span: Span) -> Value:
        """The result, from the body and the further arguments."""


class Grad(LinearDerivative):
    operator = "grad"

    def __init__(self, inner: FunctionValue, wrt: Wrt, asked: str = "grad") -> None:
        """`asked` is the operator that the program names."""
        super().__init__(inner, wrt)
        self.asked = asked

    def apply(self, context: Context, linear: Linear, directions: list[Value], span: Span) -> Value:
        return several(gradients(context, linear, self.asked, self.inner.name, span)[1])


class ValueAndGrad(LinearDerivative):
    operator = "value_and_grad"

    def apply(self, context: Context, linear: Linear, directions: list[Value], span: Span) -> Value:
        value, found = gradients(context, linear, self.operator, self.inner.name, span)
        return TupleValue((value, several(found)))


def gradients(context: Context, linear: Linear, operator: str, name: str, span: Span) -> tuple[Value, list[Value]]:
    """The value and the gradient of a real-valued function. Raises E0502 for other results."""
    result = linear.result
    if not isinstance(result, Scalar) or not is_float(result.type):
        function = "this function" if name == "fn" else f"`{name}`"
        message = f"`{operator}` needs a function with a real result, but {function} gives {context.text(result)}"
        raise context.error(
            "E0502",
            message,
            span,
            hint="make one number of it, such as sum(f(x)), or use `jacobian`, or `vjp` with a weight for each result",
        )
    value, pull = linear.vjp()
    return value, pull(Scalar(literal(1.0, result.atom.type.dtype), result.type))


class Jvp(LinearDerivative):
    operator = "jvp"

    def extra(self) -> list[str]:
        return self.directions("dx", "d")

    def apply(self, context: Context, linear: Linear, directions: list[Value], span: Span) -> Value:
        return TupleValue(linear.jvp(directions))


class Vjp(LinearDerivative):
    operator = "vjp"

    def extra(self) -> list[str]:
        return ["ybar"] if "ybar" not in (self.inner.parameter_names() or ()) else ["ybar_"]

    def takes_directions(self) -> bool:
        return False

    def apply(self, context: Context, linear: Linear, directions: list[Value], span: Span) -> Value:
        value, pull = linear.vjp()
        cotangent = fitted(context, directions[0], value, span, f"the cotangent of `{self.inner.name}`")
        return TupleValue((value, several(pull(cotangent))))

    def specimens(self, context: Context, maker: SpecimenMaker) -> Named:
        """The cotangent has the type of the result, which a trial call shows."""
        named = self.inner.specimens(context, maker)
        span = context.builder.span or self.wrt.span
        trial = capture(context, lambda: self.inner.call(context, Arguments((), dict(named), span)))
        name = self.extra()[0]
        value = maker.like(materialize(context, trial.payload), name)
        maker.add_info(name, value, None, True)
        return [*named, (name, value)]


class Jacobian(LinearDerivative):
    operator = "jacobian"

    def __init__(self, inner: FunctionValue, wrt: Wrt, asked: Asked | None = None) -> None:
        super().__init__(inner, wrt)
        self.asked = asked or Asked(self.operator, inner.name)

    def apply(self, context: Context, linear: Linear, directions: list[Value], span: Span) -> Value:
        return several([jacobian_block(context, linear, k, self.asked, span) for k in range(len(linear.values))])


class Hessian(Derivative):
    """The Jacobian of the gradient; with several names, a tuple of rows of blocks."""

    operator = "hessian"

    def call(self, context: Context, arguments: Arguments) -> Value:
        if self.wrt.count == 1:
            return self._rows(context, self.wrt, arguments)
        names = self.wrt.names or ()
        return TupleValue(tuple(self._rows(context, replace(self.wrt, names=(n,)), arguments) for n in names))

    def _rows(self, context: Context, by: Wrt, arguments: Arguments) -> Value:
        gradient = Grad(self.inner, by, self.operator)
        return Jacobian(gradient, self.wrt, Asked(self.operator, self.inner.name)).call(context, arguments)


class Hvp(Derivative):
    """The Hessian times a vector: forward over reverse."""

    operator = "hvp"

    def extra(self) -> list[str]:
        return self.directions("v", "v_")

    def call(self, context: Context, arguments: Arguments) -> Value:
        moved = Renamed(Jvp(Grad(self.inner, self.wrt, self.operator), self.wrt), self.extra()).call(context, arguments)
        assert isinstance(moved, TupleValue)
        return moved.elements[1]


class Renamed(FunctionValue):
    """An operator's result, with other names for its directions."""

    def __init__(self, inner: Jvp, names: list[str]) -> None:
        self.inner = inner
        self.name = inner.name
        self.names = names

    def call(self, context: Context, arguments: Arguments) -> Value:
        own = dict(zip(self.names, self.inner.extra(), strict=True))
        keywords = {own.get(k, k): v for k, v in arguments.keywords.items()}
        return self.inner.call(context, replace(arguments, keywords=keywords))


class GaussNewton(LinearDerivative):
    """J^T H J v, with J the Jacobian of the function and H the Hessian of the loss at its result."""

    operator = "ggn"

    def __init__(self, inner: FunctionValue, wrt: Wrt, loss: FunctionValue) -> None:
        super().__init__(inner, wrt)
        self.loss = loss

    def extra(self) -> list[str]:
        return self.directions("v", "v_")

    def apply(self, context: Context, linear: Linear, directions: list[Value], span: Span) -> Value:
        value, moved = linear.jvp(directions)
        bent = Hvp(self.loss, Wrt(None, span)).call(context, Arguments((value, moved), {}, span))
        _, pull = linear.vjp()
        return several(pull(fitted(context, bent, value, span, "the curvature of the loss")))


def stop(context: Context, value: Value) -> Value:
    """The value as a constant for every derivative."""

    def leaf(old: Scalar | Array) -> Value:
        if not old.atom.type.is_float:
            return old
        atom = context.builder.map(lambda a: context.builder.prim("stop_grad", a), old.atom)
        return Scalar(atom, old.type) if isinstance(old, Scalar) else Array(atom, old.element, old.shape)

    return map_leaves(leaf, value)
