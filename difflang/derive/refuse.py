"""The refusals of the derivative transforms."""

from __future__ import annotations

from difflang.core.ir import Eqn
from difflang.diagnostics.model import DiffLangError, error


def no_derivative(eqn: Eqn) -> DiffLangError:
    """E0501: a derivative flows through something that has none."""
    if eqn.op == "extern":
        name = eqn.attrs["name"]
        return error(
            "E0501",
            f"`{name}` is computed outside the program, so its derivative is not known.",
            eqn.span,
            hint=f"State its derivative with `rule jvp {name}(...)` or `rule vjp {name}(...)`, "
            "or write `stop_grad` around it if it is to count as a constant.",
        )
    return error(
        "E0501",
        f"`{eqn.op}` has no derivative, and this result depends on what is differentiated.",
        eqn.span,
        hint="Write `stop_grad` around it if it is to count as a constant.",
    )


def order_too_high(eqn: Eqn, most: int) -> DiffLangError:
    """E0507: Taylor coefficients of an order whose parts are no floats."""
    return error(
        "E0507",
        f"The Taylor coefficients of `{eqn.op}` can be computed up to order {most}, beyond which its derivatives are "
        "larger than any float.",
        eqn.span,
        hint=f"Give an order up to {most}.",
    )


def not_linear(eqn: Eqn, mode: str) -> DiffLangError:
    """E0510: a rule stated for one mode only cannot be turned into the other."""
    given, wanted = ("tangent", "cotangents") if mode == "jvp" else ("cotangents", "tangent")
    other = "vjp" if mode == "jvp" else "jvp"
    name = _called(eqn)
    return error(
        "E0510",
        f"The {wanted} of `{name}` are wanted, but its `rule {mode}` cannot be transposed: what it gives is not linear "
        f"in the {given} it receives.",
        eqn.span,
        hint=f"A derivative is linear in the direction: correct the `rule {mode}`, or state a `rule {other}` too.",
    )


def not_vanishing(eqn: Eqn, mode: str) -> DiffLangError:
    """E0510: what a rule gives has a part that does not depend on the direction."""
    given, direction = ("a tangent", "dx") if mode == "jvp" else ("a cotangent", "ybar")
    name = _called(eqn)
    return error(
        "E0510",
        f"The `rule {mode}` of `{name}` is not linear in the direction it receives: something remains where {given} of "
        "zero is given.",
        eqn.span,
        hint=f"Every term of a derivative is a multiple of the direction: `cos(x) * {direction}`, not "
        f"`cos(x) + {direction}`.",
    )


def captured_by_rule(eqn: Eqn) -> DiffLangError:
    """E0513: a function with a rule also depends on something that is differentiated, beside its arguments."""
    name = _called(eqn)
    return error(
        "E0513",
        f"`{name}` has a rule for its arguments, but it also depends on other values that are differentiated here.",
        eqn.span,
        hint="The rule says nothing of those: make them arguments of the function and of its rule.",
    )


def _called(eqn: Eqn) -> str:
    """The name of the function of a rule, without its module and the types by which it is told from others."""
    return str(eqn.attrs.get("name", "this function")).partition("(")[0].rpartition(".")[2]
