"""Scheduling of assertions and of what the host does."""

from __future__ import annotations

from difflang.core.ir import Eqn, Literal
from difflang.loops import ir
from difflang.loops.ir import Register, Value
from difflang.loops.scheduler import Scheduler
from difflang.loops.storage import Place


def assert_(s: Scheduler, eqn: Eqn) -> None:
    """A check with the program's own message; the host shows the arrays in it, before the check fails for certain."""
    holds, *values = eqn.args
    code, message = str(eqn.attrs["code"]), str(eqn.attrs["message"])
    site = ir.Site("assert", eqn.span, code=code, message=message)
    if not any(value.type.shape for value in values):
        s.check(s.operand(holds), site, *s.operands(values))
        return
    with s.collect() as failing:
        shown = _values([s.value(value) for value in values])
        s.host_call(ir.HostSite("refuse", message, span=eqn.span, code=code), shown)
        s.check(Literal(False, "bool"), site)
    s.emit(ir.If(s.operand(holds), (), tuple(failing)))


def require(s: Scheduler, eqn: Eqn) -> None:
    """A check, after which the value is the value itself."""
    assert_(s, eqn)
    s.bind(eqn.outs[0], s.value(eqn.args[1]))


def room(s: Scheduler, eqn: Eqn) -> None:
    memory, share = eqn.attrs["memory"], eqn.attrs["share"]
    assert isinstance(memory, int)
    assert isinstance(share, int)
    first, second, third = (Register("i64", out.name) for out in eqn.outs)
    least, times = s.operands(eqn.args)
    free = bool(eqn.attrs.get("free"))
    s.emit(ir.Room((first, second, third), least, times, memory, share, free, eqn.span))
    for out, register in zip(eqn.outs, (first, second, third), strict=True):
        s.scalars[out] = register


def print_(s: Scheduler, eqn: Eqn) -> None:
    s.host_call(ir.HostSite("print", str(eqn.attrs["template"]), span=eqn.span), _arguments(s, eqn))


def report(s: Scheduler, eqn: Eqn) -> None:
    names = eqn.attrs["names"]
    assert isinstance(names, tuple)
    s.host_call(ir.HostSite("report", names=tuple(str(n) for n in names), span=eqn.span), _arguments(s, eqn))


def extern(s: Scheduler, eqn: Eqn) -> None:
    """The results of a host function come in registers and fresh arrays."""
    outs = [
        s.destination(out) if out.type.shape else Register(out.type.dtype, out.name, mutable=True) for out in eqn.outs
    ]
    s.host_call(ir.HostSite("extern", str(eqn.attrs["name"]), span=eqn.span), _arguments(s, eqn), _values(outs))
    for out, value in zip(eqn.outs, outs, strict=True):
        s.bind(out, value)


def _arguments(s: Scheduler, eqn: Eqn) -> tuple[Value, ...]:
    return _values([s.value(arg) for arg in eqn.args])


def _values(values: list[Register | Place] | list[ir.Operand | Place]) -> tuple[Value, ...]:
    return tuple(value.array if isinstance(value, Place) else value for value in values)
