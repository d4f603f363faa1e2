"""Constant folding and identities of scalar primitives that hold for every value, NaN, inf and -0.0 included.

A rule looks at an equation whose arguments are final and gives an atom that it equals, or another primitive
application, or None. `x + 0.0` is no identity (it turns -0.0 into 0.0), nor are `x * 0.0`, `x - x` and `x / x`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from difflang.core.ir import Atom, Attribute, Eqn, Literal, Type, Var
from difflang.passes.rewrite import key_of, same_atom
from difflang.prims import PRIMITIVES
from difflang.prims.arithmetic import NUMPY_DTYPES

Definitions = Mapping[Var, Eqn]


@dataclass(frozen=True, slots=True)
class Application:
    """A primitive applied to atoms, not yet an equation."""

    op: str
    args: tuple[Atom, ...]


Outcome = Atom | Application | None
Rule = Callable[[Sequence[Atom], Type, Definitions], Outcome]
Attributes = Mapping[str, Attribute]


def simplified(op: str, args: Sequence[Atom], attrs: Attributes, type_: Type, known: Definitions) -> Outcome:
    """What a primitive application equals, if that is simpler. `known` finds the equations of variables."""
    if all(isinstance(arg, Literal) for arg in args):
        return folded(op, args, attrs, type_)
    if op == "convert" and args[0].type == type_:
        return args[0]
    for rule in RULES.get(op, ()):
        outcome = rule(args, type_, known)
        if outcome is not None:
            return outcome
    return None


def folded(op: str, args: Sequence[Atom], attrs: Attributes, type_: Type) -> Literal | None:
    """The value of a primitive of literals; None for an integer division by zero, which must fail in its place,
    and where the evaluation would be slow."""
    values = [scalar(arg) for arg in args if isinstance(arg, Literal)]
    if not PRIMITIVES[op].folds:
        return None
    if op in ("floordiv", "mod") and not type_.is_float and values[1] == 0:
        return None
    with np.errstate(all="ignore"):
        return Literal(PRIMITIVES[op].evaluate(*values, **attrs).item(), type_.dtype)


def scalar(literal: Literal) -> Any:
    """The NumPy scalar of a literal."""
    return np.dtype(NUMPY_DTYPES[literal.dtype]).type(literal.value)


def is_value(atom: Atom, value: float) -> bool:
    """Whether an atom is the literal `value`, with the same sign if it is zero."""
    if not isinstance(atom, Literal) or atom.dtype == "bool" or atom.value != value:
        return False
    return math.copysign(1, atom.value) == math.copysign(1, value) or not atom.type.is_float


def _defined_by(atom: Atom, op: str, known: Definitions) -> Eqn | None:
    eqn = known.get(atom) if isinstance(atom, Var) else None
    return eqn if eqn is not None and eqn.op == op else None


def _literal_last(op: str) -> Rule:
    """Commutative operations keep their literal on the right, so that other rules need to look there only."""

    def rule(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
        swap = isinstance(args[0], Literal) and not isinstance(args[1], Literal)
        return Application(op, (args[1], args[0])) if swap else None

    return rule


def _neutral(value: float, *, integers_only: bool = False) -> Rule:
    """`x op value` is x."""

    def rule(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
        return args[0] if is_value(args[1], value) and not (integers_only and type_.is_float) else None

    return rule


def _absorbing_zero(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    return args[1] if not type_.is_float and is_value(args[1], 0) else None


def _gather_constants(op: str) -> Rule:
    """(x op c) op d is x op (c op d) for wrapping integers."""

    def rule(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
        inner = _defined_by(args[0], op, known)
        if type_.is_float or inner is None or not (isinstance(args[1], Literal) and isinstance(inner.args[1], Literal)):
            return None
        constant = folded(op, (inner.args[1], args[1]), {}, type_)
        return None if constant is None else Application(op, (inner.args[0], constant))

    return rule


def _integer_difference(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    """x - x, x - c, and (x + c) - x for integers."""
    left, right = args
    if type_.is_float:
        return None
    if same_atom(left, right):
        return Literal(0, type_.dtype)
    if isinstance(right, Literal):
        negative = folded("neg", (right,), {}, type_)
        return Application("add", (left, negative)) if negative else None
    inner = _defined_by(left, "add", known)
    if inner is None:
        return None
    return next((inner.args[1 - k] for k in (0, 1) if same_atom(inner.args[k], right)), None)


def _add_negated(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    """x + (-y) is x - y, exactly."""
    for k in (1, 0):
        negated = _defined_by(args[k], "neg", known)
        if negated is not None:
            return Application("sub", (args[1 - k], negated.args[0]))
    return None


def _subtract_negated(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    negated = _defined_by(args[1], "neg", known)
    return Application("add", (args[0], negated.args[0])) if negated else None


def _multiply_by_minus_one(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    return Application("neg", (args[0],)) if is_value(args[1], -1) else None


def _multiply_negated(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    """(-x) * (-y) is x * y, and (-x) * c is x * (-c)."""
    left, right = _defined_by(args[0], "neg", known), _defined_by(args[1], "neg", known)
    if left is not None and right is not None:
        return Application("mul", (left.args[0], right.args[0]))
    if left is not None and isinstance(args[1], Literal):
        negative = folded("neg", (args[1],), {}, type_)
        return Application("mul", (left.args[0], negative)) if negative else None
    return None


def _divide_by_power_of_two(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    """Division by a power of two is multiplication by its reciprocal, exactly, while that is a normal number."""
    divisor = args[1]
    if not isinstance(divisor, Literal) or not math.isfinite(divisor.value) or divisor.value == 0:
        return None
    mantissa, exponent = math.frexp(divisor.value)
    if abs(mantissa) != 0.5 or abs(exponent) > 100:
        return None
    return Application("mul", (args[0], Literal(1 / divisor.value, type_.dtype)))


def _double_inverse(op: str) -> Rule:
    """An operation that undoes itself."""

    def rule(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
        inner = _defined_by(args[0], op, known)
        return inner.args[0] if inner else None

    return rule


def _negate_difference(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    """-(x * c) is x * (-c)."""
    product = _defined_by(args[0], "mul", known)
    if product is None or not isinstance(product.args[1], Literal):
        return None
    negative = folded("neg", (product.args[1],), {}, type_)
    return Application("mul", (product.args[0], negative)) if negative else None


def _select(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    predicate, then, otherwise = args
    if isinstance(predicate, Literal):
        return then if predicate.value else otherwise
    if same_atom(then, otherwise):
        return then
    negated = _defined_by(predicate, "not", known)
    return Application("select", (negated.args[0], otherwise, then)) if negated else None


def _same_arguments(value: bool, *, floats: bool) -> Rule:
    """A comparison of a thing with itself; of floats only where NaN gives the same answer."""

    def rule(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
        decided = same_atom(args[0], args[1]) and (floats or not args[0].type.is_float)
        return Literal(value, "bool") if decided else None

    return rule


def _idempotent(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    return args[0] if same_atom(args[0], args[1]) else None


def _logic(neutral: bool) -> Rule:
    """`and` (neutral true) and `or` (neutral false) with a literal on the right."""

    def rule(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
        if not isinstance(args[1], Literal):
            return None
        return args[0] if bool(args[1].value) == neutral else args[1]

    return rule


def _square(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    """x ** 2 is x * x, rounded in the same way; x ** 1 is x; x ** 0 is 1, of NaN too."""
    base, exponent = args
    if is_value(exponent, 2):
        return Application("mul", (base, base))
    if is_value(exponent, 1):
        return base
    one = is_value(exponent, 0) or is_value(exponent, -0.0)
    return Literal(1.0 if type_.is_float else 1, type_.dtype) if one else None


def _integer_quotient(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    return args[0] if not type_.is_float and is_value(args[1], 1) else None


def _integer_remainder(args: Sequence[Atom], type_: Type, known: Definitions) -> Outcome:
    return Literal(0, type_.dtype) if not type_.is_float and is_value(args[1], 1) else None


RULES: dict[str, tuple[Rule, ...]] = {
    "add": (_literal_last("add"), _neutral(-0.0), _gather_constants("add"), _add_negated),
    "sub": (_neutral(0.0), _integer_difference, _subtract_negated),
    "mul": (
        _literal_last("mul"),
        _neutral(1),
        _absorbing_zero,
        _multiply_by_minus_one,
        _gather_constants("mul"),
        _multiply_negated,
    ),
    "div": (_neutral(1), _divide_by_power_of_two),
    "neg": (_double_inverse("neg"), _negate_difference),
    "not": (_double_inverse("not"),),
    "floordiv": (_integer_quotient,),
    "mod": (_integer_remainder,),
    "select": (_select,),
    "eq": (_same_arguments(True, floats=False),),
    "le": (_same_arguments(True, floats=False),),
    "ge": (_same_arguments(True, floats=False),),
    "ne": (_same_arguments(False, floats=False),),
    "lt": (_same_arguments(False, floats=True),),
    "gt": (_same_arguments(False, floats=True),),
    "and": (_literal_last("and"), _logic(True), _idempotent),
    "or": (_literal_last("or"), _logic(False), _idempotent),
    "max": (_idempotent,),
    "min": (_idempotent,),
    "pow": (_square,),
    "powi": (_square,),
}

__all__ = ["Application", "folded", "is_value", "key_of", "simplified"]
