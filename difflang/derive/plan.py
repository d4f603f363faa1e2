"""How a loop is cut into segments: decided at run time, by the number of its steps and the bytes of a state and a step.

A state is all that the loop carries; a step stores what its adjoint reads. Emitted code computes the lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Attribute, Eqn, Var
from difflang.core.ops import integer
from difflang.derive.budget import state_bytes, step_bytes
from difflang.derive.copying import Copy

ONLINE_SLOTS = 256
"""States that a `while` keeps at most: little to set aside for a short loop."""

TAPE_BYTES = 1 << 19
"""What a segment stores is read back soon; of this size it is still in a cache near the processor then."""

SHORTEST = 16
"""Steps of a segment even where one of them fills the cache: each segment begins with copies of its state."""

PLACE_BYTES = 8
"""The number of the segment that a stored state begins."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in a segment; slots for states.

    `longest`: what the steps in a segment may become. `exact`: it is known now that every segment has a state of its
    own.
    """

    length: Atom
    slots: Atom
    longest: Atom
    exact: bool = False


def planned(b: Builder, copy: Copy, eqn: Eqn, count: Atom | None) -> Plan:
    """The plan of a loop, from its `memory` or its `levels`; the code for it is emitted here."""
    if "memory" in eqn.attrs:
        return _within(b, copy, eqn, count)
    assert count is not None
    return _by_levels(b, eqn, count)


def _by_levels(b: Builder, eqn: Eqn, count: Atom) -> Plan:
    """O(n^(1/levels)) states."""
    levels = eqn.attrs["levels"]
    assert isinstance(levels, int)
    power = b.prim("pow", b.prim("convert", count, dtype="f64"), literal(1 / levels, "f64"))
    root = b.prim("max", b.prim("convert", b.prim("ceil", power), dtype="i64"), integer(1))
    counted = eqn.op == "while"
    slots = b.prim("mul", root, integer(levels if counted else levels - 1))
    return Plan(root, slots, root, exact=levels == 2 and not counted)


def _within(b: Builder, copy: Copy, eqn: Eqn, count: Atom | None) -> Plan:
    """Segments whose tape stays in the cache, and longer ones where the budget has no room for a state of each.

    With n steps, c bytes for a state and q for what a step stores, segments of sqrt(n c / q) steps take the least
    memory, 2 sqrt(n c q) bytes. The tape of a segment may hold the state at its end too.
    """
    state, step = state_bytes(b, copy, eqn), step_bytes(b, copy, eqn)
    budget = b.prim("sub", _room(b, eqn, state, step), state)
    state = b.hoisted("add", state, integer(PLACE_BYTES))
    half = b.prim("floordiv", budget, integer(2))
    most = b.prim("min", half, b.prim("sub", budget, state))
    longest = b.prim("max", b.prim("floordiv", most, step), integer(1))
    length = b.prim("max", b.prim("floordiv", integer(TAPE_BYTES), step), integer(SHORTEST))
    if count is None:
        length = b.prim("min", length, longest)
        rows = _rows(b, budget, b.prim("mul", longest, step), state, integer(ONLINE_SLOTS))
        return Plan(length, rows, longest)
    length = b.prim("min", length, _balanced(b, count, state, step))
    least = ceiling_quotient(b, b.prim("mul", count, state), half)
    length = b.prim("max", b.prim("min", b.prim("max", length, least), longest), integer(1))
    most = ceiling_quotient(b, count, length)
    rows = _rows(b, budget, b.prim("mul", length, step), state, most)
    return Plan(length, rows, length)


def _balanced(b: Builder, count: Atom, state: Atom, step: Atom) -> Atom:
    """The steps of a segment with which a loop of `count` steps takes the least memory."""
    quotient = b.prim("div", b.prim("convert", state, dtype="f64"), b.prim("convert", step, dtype="f64"))
    square = b.prim("mul", b.prim("convert", count, dtype="f64"), quotient)
    return b.prim("convert", b.prim("ceil", b.prim("sqrt", square)), dtype="i64")


def _rows(b: Builder, budget: Atom, tape: Atom, state: Atom, most: Atom) -> Atom:
    """How many states there is room for beside a tape, at most `most` and at least 1."""
    room = b.prim("floordiv", b.prim("sub", budget, tape), state)
    slots = b.prim("max", b.prim("min", room, most), integer(1))
    slots.name = "slots"
    return slots


def keep_budget(b: Builder, memory: int) -> None:
    """Emits the check that all arrays that are not stored by loops have room in a budget of so many bytes."""
    room, beside, whole = _asked(b, memory, 1, integer(0))
    enough = b.prim("le", integer(0), room)
    attrs: dict[str, Attribute] = {"code": "E0812", "message": TOO_LITTLE}
    b.emit("assert", [enough, integer(memory), beside, whole], attrs)


def _room(b: Builder, eqn: Eqn, state: Atom, step: Atom) -> Atom:
    """The bytes for states and steps, at least one step and the states at both its ends."""
    memory, share = eqn.attrs["memory"], eqn.attrs["share"]
    assert isinstance(memory, int)
    assert isinstance(share, int)
    least = b.hoisted("add", b.hoisted("add", b.hoisted("mul", state, integer(2)), step), integer(PLACE_BYTES))
    room, beside, whole = _asked(b, memory, share, least)
    enough = b.prim("le", least, room)
    attrs: dict[str, Attribute] = {"code": "E0812", "message": TOO_SMALL}
    return b.emit("require", [enough, room, integer(memory), state, step, beside, whole], attrs)[0]


def _asked(b: Builder, memory: int, share: int, least: Atom) -> tuple[Var, ...]:
    """What the whole program alone can tell (`room`).

    Rooms are told apart by a number: what two gradients store lies side by side. They stand inside the code that is
    differentiated, because a derivative of it stores more.
    """
    attrs: dict[str, Attribute] = {"memory": memory, "share": share, "number": b.count}
    return b.emit("room", [least, integer(1)], attrs, names=("room", "beside", "whole"))


TOO_LITTLE = (
    "A memory budget of {0} bytes is too small for this gradient: besides what loops store, its arrays take {1} bytes. "
    "Give at least {2} bytes."
)
TOO_SMALL = (
    "A memory budget of {1} bytes is too small for the gradient of this loop: one state takes {2} bytes, what a "
    "step stores {3}, and all other arrays {4}. Give at least {5} bytes."
)


def ceiling_quotient(b: Builder, count: Atom, length: Atom) -> Var:
    """ceil(count / length), for length > 0."""
    return b.prim("floordiv", b.prim("sub", b.prim("add", count, length), integer(1)), length)
