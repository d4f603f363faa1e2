"""Where two ways through the program meet: variables and outcomes become those of the way that was taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.check.coerce import coerce
from difflang.check.context import Context
from difflang.check.environment import Scope
from difflang.check.leaves import atoms, materialize, rebuild, settle, zeros_like
from difflang.check.regions import Captured, common_type, finish, require_visible
from difflang.check.statements import NEXT, RETURN, Ended, Outcome
from difflang.check.types import INT, Type
from difflang.check.values import ErrorValue, NothingValue, Number, Scalar, Value
from difflang.core.ir import Atom, Block
from difflang.core.ops import integer
from difflang.diagnostics.model import Span


@dataclass
class Way:
    """One branch: its region, how it ended (None: with the next statement), and the scope at its end."""

    region: Captured[Ended]
    outcome: Outcome | None
    scope: Scope

    @property
    def status(self) -> int | Scalar:
        return self.outcome.status if self.outcome else NEXT

    @property
    def value(self) -> Value | None:
        return self.outcome.value if self.outcome else None


class _Slot:
    """One result of the `cond`: a value on each way, and the type they meet in (None: nothing on either)."""

    def __init__(self, values: Sequence[Value | None], type_: Type | None) -> None:
        self.values = values
        self.type = type_
        self.template: Value | None = None


def merge(context: Context, condition: Atom, ways: Sequence[Way], base: Scope, span: Span) -> Outcome | None:
    """Emits the `cond`. Variables of `base` that differ get their new values; the common outcome is returned."""
    names = _changed(ways, base)
    slots = [_slot(context, [_variable(w, name, base) for w in ways], span, f"`{name}`") for name in names]
    status = _slot_of_status(ways)
    result = _slot_of_result(context, ways, span)
    every = [*slots, *(s for s in (status, result) if s is not None)]
    blocks = [finish(context, w.region, lambda k=k: _results(context, every, k, span)) for k, w in enumerate(ways)]
    final = _emit(context, condition, blocks, every, span)
    for name, value in zip(names, final, strict=False):
        base.replace(name, value)
    if ways[0].outcome is None and ways[1].outcome is None:
        return None
    value = final[-1] if result is not None else _poison(ways)
    known = ways[0].status if status is None else final[len(names)]
    assert isinstance(known, int | Scalar)
    return Outcome(known, value)


def _changed(ways: Sequence[Way], base: Scope) -> list[str]:
    """The variables that some way, other than one that returns, leaves with another value."""
    names: list[str] = []
    for name, binding in base.variables().items():
        if any(w.status != RETURN and _variable(w, name, base) is not binding.value for w in ways):
            names.append(name)
    return names


def _variable(way: Way, name: str, base: Scope) -> Value:
    """The value of a variable at the end of a way; after a `return` it does not matter."""
    binding = (base if way.status == RETURN else way.scope).find(name)
    assert binding is not None
    return binding.value


def _slot(context: Context, values: Sequence[Value], span: Span, what: str) -> _Slot:
    if any(isinstance(v, ErrorValue) for v in values):
        return _Slot([None, None], None)
    return _Slot(values, common_type(context, values, span, what))


def _slot_of_status(ways: Sequence[Way]) -> _Slot | None:
    first, second = ways[0].status, ways[1].status
    if isinstance(first, int) and first == second:
        return None
    statuses = [s if isinstance(s, Scalar) else Scalar(integer(s), INT) for s in (first, second)]
    return _Slot(statuses, INT)


def _slot_of_result(context: Context, ways: Sequence[Way], span: Span) -> _Slot | None:
    """A way that does not return gives zeros in place of the result, which nobody looks at."""
    values = [w.value for w in ways]
    known = [v for v in values if v is not None]
    if not known or any(isinstance(v, ErrorValue | NothingValue) for v in known):
        return None
    if len(known) == 1:
        return _Slot(values, context.type_of(known[0]))
    return _Slot(values, common_type(context, known, span, "the result"))


def _poison(ways: Sequence[Way]) -> Value | None:
    return next((w.value for w in ways if w.value is not None), None)


def _results(context: Context, slots: Sequence[_Slot], way: int, span: Span) -> list[Atom]:
    results: list[Atom] = []
    for slot in slots:
        if slot.type is None:
            continue
        value = slot.values[way]
        if value is None:
            other = next(v for v in slot.values if v is not None)
            value = zeros_like(context, materialize(context, other))
        ready = value if isinstance(value, Number) else materialize(context, value)
        fitted = settle(context, coerce(context, ready, slot.type, span), span)
        slot.template = fitted
        results.extend(atoms(fitted))
    return results


def _emit(
    context: Context, condition: Atom, blocks: Sequence[Block], slots: Sequence[_Slot], span: Span
) -> list[Value]:
    with context.at(span):
        outs = list(context.builder.emit("cond", [condition], {}, blocks))
    require_visible(context, outs, span)
    values: list[Value] = []
    for slot in slots:
        if slot.type is None or slot.template is None:
            values.append(ErrorValue())
            continue
        count = len(atoms(slot.template))
        values.append(rebuild(slot.template, outs[:count]))
        outs = outs[count:]
    return values
