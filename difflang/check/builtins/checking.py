"""`check_grad(f, x, ..)`: the gradient of a function against differences of its values."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.check.builtins.registry import Call, builtin
from difflang.check.builtins.vectors import count, flattened, vector_leaves
from difflang.check.context import Context
from difflang.check.leaves import atoms, is_vector, leaves, materialize
from difflang.check.values import Arguments, Array, FunctionValue, Number, Scalar, StructValue, TupleValue, Value
from difflang.diagnostics.model import Span


class FlatFunction(FunctionValue):
    """A function of one vector: the vector is cut into the arguments of `function` that can be differentiated.

    A result that is not a number is turned into one by weights that differ from each other.
    """

    name = "the function that is checked"

    def __init__(self, function: FunctionValue, arguments: Sequence[Value], active: Sequence[int], span: Span) -> None:
        self.function = function
        self.arguments = arguments
        self.active = active
        self.span = span

    def parameter_names(self) -> tuple[str, ...]:
        return ("v",)

    def call(self, context: Context, arguments: Arguments) -> Value:
        like = TupleValue(tuple(self.arguments[i] for i in self.active))
        parts = _prelude(context, "unravel", [arguments.positional[0], like], self.span)
        assert isinstance(parts, TupleValue)
        values = list(self.arguments)
        for i, part in zip(self.active, parts.elements, strict=True):
            values[i] = part
        result = self.function.call(context, Arguments(tuple(values), {}, self.span))
        if isinstance(result, Scalar | Number):
            return result
        flat = flattened(context, vector_leaves(context, "check_grad", result, self.span), self.span)
        return _prelude(context, "__weighted_sum", [flat], self.span)


def _prelude(context: Context, name: str, values: Sequence[Value], span: Span) -> Value:
    """A call of a function of the prelude."""
    binding = context.program.prelude.find(name)
    assert binding is not None and isinstance(binding.value, FunctionValue)
    return binding.value.call(context, Arguments(tuple(values), {}, span))


@builtin("check_grad", "f arguments..")
def check_grad(context: Context, call: Call) -> Value:
    """Whether the gradient of `f` in all its real arguments agrees with differences along a few directions."""
    function = call.arguments[0]
    if not isinstance(function, FunctionValue):
        raise context.error("E0303", f"`check_grad` takes a function, but this is {context.text(function)}", call.spans[0])
    arguments = [_real_literals(context, v) for v in call.arguments[1]]
    active = [i for i, v in enumerate(arguments) if is_vector(v) and atoms(v)]
    if not active:
        hint = "write check_grad(f, x) with the arguments of f behind it"
        raise context.error("E0302", "`check_grad` needs at least one real argument", call.span, hint=hint)
    flat = FlatFunction(function, arguments, active, call.span)
    start = _prelude(context, "ravel", [TupleValue(tuple(arguments[i] for i in active))], call.span)
    gradient = _prelude(context, "grad", [flat], call.span)
    assert isinstance(gradient, FunctionValue)
    slope = gradient.call(context, Arguments((start,), {}, call.span))
    return _prelude(context, "__slopes_agree", [flat, slope, start], call.span)


def _real_literals(context: Context, value: Value) -> Value:
    """Numbers written as `0.3` are the place where the gradient is checked; `3` stays a whole number."""
    return materialize(context, value)
