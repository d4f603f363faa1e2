"""Forward mode: Taylor coefficients beside the values, in the same regions. A tangent is the first of them.

What an operation does with its regions is the same for every coefficient and stands here; how the coefficients of
whole values follow from each other is the affair of a `ValueRule`: `jvp` has one for tangents, `jet` one for series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn, Type, Var
from difflang.core.ops import carries, integer
from difflang.derive import values
from difflang.derive.activity import varied_variables
from difflang.derive.copying import Copy
from difflang.derive.desugar import desugared
from difflang.derive.linalg import LINEAR_ALGEBRA, Rule
from difflang.derive.partials import has_partial, times_partial
from difflang.derive.refuse import no_derivative
from difflang.prims import PRIMITIVES

Tangent = Atom | None
Series = tuple[Tangent, ...]
"""The coefficients of orders 1, 2, ... of a value; None is zero."""

ValueRule = Callable[[Builder, Eqn, list[Series]], Sequence[Series]]
"""From an equation as it stands in the emitted program, and the series of its arguments, to those of its outs."""


def jvp(
    builder: Builder, block: Block, args: Sequence[Atom], tangents: Sequence[Tangent]
) -> tuple[list[Atom], list[Tangent]]:
    """Emits the block's code at the builder's position together with its tangents.

    Parameters are replaced by `args`; a tangent has the type of its argument, or is None for a symbolic
    zero (always so for integers and bools). Free variables of the block are constants. Returns the results
    and their tangents. Raises E0501 where something that depends on a tangent has no derivative.
    """
    results, found = pushed(builder, block, args, [(t,) for t in tangents], 1, tangent_rule)
    return results, [series[0] for series in found]


def pushed(
    builder: Builder,
    block: Block,
    args: Sequence[Atom],
    series: Sequence[Series],
    order: int,
    rule: ValueRule,
    directions: tuple[Atom, ...] = (),
) -> tuple[list[Atom], list[Series]]:
    """Emits the block's code with `order` coefficients beside each value that depends on the given series.

    A coefficient has the type of its value, with `directions` as further axes.
    """
    active = [any(c is not None for c in s) for s in series]
    block = desugared(block, varied_variables(block, active))
    forward = Forward(builder, varied_variables(block, active), order, rule, directions)
    forward.series.update((p, s) for p, s, flag in zip(block.params, series, active, strict=True) if flag)
    results = forward.run(block, args)
    return results, [forward.coefficients(r) for r in block.results]


class Forward(Copy):
    """A copy that carries coefficients: `series` maps the original variables, where they are not zero."""

    def __init__(
        self, builder: Builder, varied: set[Var], order: int, rule: ValueRule, directions: tuple[Atom, ...] = ()
    ) -> None:
        super().__init__(builder, {})
        self.directions = directions
        self.varied = varied
        self.order = order
        self.rule = rule
        self.series: dict[Var, Series] = {}

    def coefficients(self, atom: Atom) -> Series:
        zero: Series = (None,) * self.order
        return self.series.get(atom, zero) if isinstance(atom, Var) else zero

    def is_varied(self, atom: Atom) -> bool:
        return isinstance(atom, Var) and atom in self.varied

    def needed(self, atoms: Sequence[Atom], twins_of: Sequence[Atom] | None = None) -> list[Atom]:
        """The coefficients of those atoms whose counterpart in `twins_of` (the atoms themselves if None) is varied.

        What turned out to be zero becomes real zeros.
        """
        pairs = zip(atoms, atoms if twins_of is None else twins_of, strict=True)
        wanted = [atom for atom, twin in pairs if self.is_varied(twin)]
        return [self.missing(a) if c is None else c for a in wanted for c in self.coefficients(a)]

    def missing(self, atom: Atom) -> Atom:
        """What stands for a coefficient that is a symbolic zero where a value is needed."""
        return values.zeros(self.builder, self.twin_type(self.atom(atom).type))

    def twin_type(self, type_: Type) -> Type:
        """The type of the coefficients of a value."""
        return Type(type_.dtype, (*type_.shape, *self.directions), type_.ref) if self.directions else type_

    def twins(self, variables: Sequence[Var]) -> list[Var]:
        """New variables for the coefficients of the varied ones among these (whose copies exist)."""
        made: list[Var] = []
        for variable in variables:
            if variable in self.varied:
                copied = self.values[variable]
                name = f"d{variable.name}" if variable.name else ""
                series = tuple(Var(self.twin_type(copied.type), name) for _ in range(self.order))
                self.series[variable] = series
                made += series
        return made

    def equation(self, eqn: Eqn) -> None:
        self.builder.span = eqn.span
        if eqn.op in REGION_RULES:
            REGION_RULES[eqn.op](self, eqn)
            return
        super().equation(eqn)
        if any(self.is_varied(out) for out in eqn.outs):
            found = self.rule(self.builder, self.emitted[eqn], [self.coefficients(a) for a in eqn.args])
            self.series.update(zip(eqn.outs, found, strict=True))

    def step(self, eqn: Eqn) -> list[Atom]:
        """The results of a loop's body: carries, their coefficients, stacked values, their coefficients."""
        body, k = eqn.regions[-1], carries(eqn.attrs)
        results = self.rest(body)
        carry_tangents = self.needed(body.results[:k], eqn.outs[:k])
        return [*results[:k], *carry_tangents, *results[k:], *self.needed(body.results[k:])]

    def emit(self, eqn: Eqn, outs: Sequence[Var], args: Sequence[Atom], regions: Sequence[Block], **attrs: int) -> None:
        """The equation with twins among its outs, arguments and regions."""
        self.builder.span = eqn.span
        self.builder.append(Eqn(tuple(outs), eqn.op, tuple(args), {**eqn.attrs, **attrs}, tuple(regions), eqn.span))


# --- operations with regions ---


def _elements(forward: Forward, eqn: Eqn) -> None:
    """`build`, and `reduce` with a sum. A coefficient that is zero for all elements stays a symbolic zero."""
    region, found = eqn.regions[0], list[Series]()

    def body(*_: Atom) -> list[Atom]:
        results = forward.rest(region)
        found.extend(forward.coefficients(r) for r in region.results)
        return [*results, *(c for series in found for c in series if c is not None)]

    block = forward.builder.block_with(forward.fresh(region.params), body)
    outs, twins = forward.fresh(eqn.outs), list[Var]()
    for out, series in zip(eqn.outs, found, strict=True):
        made = forward.twins([out])
        if made:
            kept = [twin if c is not None else None for twin, c in zip(made, series, strict=True)]
            forward.series[out] = tuple(kept)
            twins += [twin for twin in kept if twin is not None]
    forward.emit(eqn, [*outs, *twins], forward.atoms(eqn.args), [block])


def _reduce(forward: Forward, eqn: Eqn) -> None:
    if eqn.attrs["op"] == "sum":
        _elements(forward, eqn)
        return
    Copy.equation(forward, eqn)
    if any(forward.is_varied(out) for out in eqn.outs):
        _extremes(forward, eqn)


def _extremes(forward: Forward, eqn: Eqn) -> None:
    """Each coefficient of a maximum is the mean of those of the elements that attain it."""
    b, region = forward.builder, eqn.regions[0]
    wanted = [(r, out) for r, out in zip(region.results, eqn.outs, strict=True) if forward.is_varied(out)]
    extents = forward.atoms(eqn.args)
    forward.again, outer = True, forward.again

    def body(*_: Atom) -> list[Atom]:
        forward.rest(region)
        elements = [b.prim("kept", forward.atom(result)) for result, _ in wanted]
        return [*elements, *(c for result, out in wanted for c in forward.needed([result], [out]))]

    arrays = b.emit("build", extents, {}, [b.block_with(forward.fresh(region.params), body)])
    forward.again = outer
    extremes = values.Extremes(b, str(eqn.attrs["op"]), extents, arrays[: len(wanted)])

    def attained(*index: Atom) -> list[Atom]:
        tests = [test for test in extremes.attained(index) for _ in range(forward.order)]
        coefficients = (values.element(b, array, index) for array in arrays[len(wanted) :])
        return [_only_if(b, test, coefficient) for test, coefficient in zip(tests, coefficients, strict=True)]

    totals = b.reduce("sum", extents, attained)
    for k, ((_, out), count) in enumerate(zip(wanted, extremes.counts(), strict=True)):
        own = totals[k * forward.order : (k + 1) * forward.order]
        forward.series[out] = tuple(_divided(b, total, count) for total in own)


def _only_if(b: Builder, test: Atom, coefficient: Atom) -> Atom:
    zero = literal(0, coefficient.type.dtype)
    return b.map(lambda c: b.prim("select", test, c, zero), coefficient)


def _divided(b: Builder, coefficient: Atom, divisor: Atom) -> Atom:
    return b.map(lambda c: b.prim("div", c, divisor), coefficient)


def _fold(forward: Forward, eqn: Eqn) -> None:
    b, body, k = forward.builder, eqn.regions[0], carries(eqn.attrs)
    count, *inits = eqn.args
    tangent_inits = forward.needed(inits, body.params[1:])
    params = forward.fresh(body.params)
    region = b.block_with((*params, *forward.twins(body.params[1:])), lambda *_: forward.step(eqn))
    outs = forward.fresh(eqn.outs)
    finals, stacks = forward.twins(eqn.outs[:k]), forward.twins(eqn.outs[k:])
    args = [forward.atom(count), *forward.atoms(inits), *tangent_inits]
    forward.emit(eqn, [*outs[:k], *finals, *outs[k:], *stacks], args, [region], carries=k + len(finals))


def _while(forward: Forward, eqn: Eqn) -> None:
    b, k = forward.builder, carries(eqn.attrs)
    test, body = eqn.regions
    tangent_inits = forward.needed(eqn.args, body.params)
    params = forward.fresh(test.params)
    unused = [Var(t.type) for t in tangent_inits]
    condition = b.block_with((*params, *unused), lambda *_: forward.rest(test))
    params = forward.fresh(body.params)
    step = b.block_with((*params, *forward.twins(body.params)), lambda *_: forward.step(eqn))
    outs = forward.fresh(eqn.outs)
    finals, stacks = forward.twins(eqn.outs[:k]), forward.twins(eqn.outs[k + 1 :])
    args = [*forward.atoms(eqn.args), *tangent_inits]
    forward.emit(eqn, [*outs[:k], *finals, *outs[k:], *stacks], args, [condition, step], carries=k + len(finals))


def _cond(forward: Forward, eqn: Eqn) -> None:
    """`cond` and `checkpoint`."""

    def branch(region: Block) -> Block:
        def body() -> list[Atom]:
            return [*forward.rest(region), *forward.needed(region.results, eqn.outs)]

        return forward.builder.block_with((), body)

    regions = [branch(r) for r in eqn.regions]
    outs = forward.fresh(eqn.outs)
    forward.emit(eqn, [*outs, *forward.twins(eqn.outs)], forward.atoms(eqn.args), regions)


def _accum(forward: Forward, eqn: Eqn) -> None:
    b, region, k = forward.builder, eqn.regions[0], len(eqn.args)
    tangent_inits = forward.needed(eqn.args, region.params)
    params = forward.fresh(region.params)
    refs = (*params, *forward.twins(region.params))
    block = b.block_with(refs, lambda *_: [*forward.rest(region), *forward.needed(region.results)])
    outs = forward.fresh(eqn.outs)
    finals, results = forward.twins(eqn.outs[:k]), forward.twins(eqn.outs[k:])
    args = [*forward.atoms(eqn.args), *tangent_inits]
    forward.emit(eqn, [*outs[:k], *finals, *outs[k:], *results], args, [block])


def _add_to(forward: Forward, eqn: Eqn) -> None:
    Copy.equation(forward, eqn)
    ref, *indices, value = eqn.args
    for total, added in zip(forward.coefficients(ref), forward.coefficients(value), strict=True):
        if added is not None and total is not None:
            forward.builder.add_to(total, *forward.atoms(indices), added, inbounds=values.is_inbounds(eqn))


def _room(forward: Forward, eqn: Eqn) -> None:
    room_with_twins(forward, eqn, forward.order, forward.directions)


def room_with_twins(copy: Copy, eqn: Eqn, order: int, directions: Sequence[Atom] = ()) -> None:
    """Copies a `room`, the bytes for what a loop stores, where coefficients of all that are stored too."""
    b, (least, times) = copy.builder, copy.atoms(eqn.args)
    twins: Atom = integer(order)
    for size in directions:
        twins = b.hoisted("mul", twins, b.hoisted("max", size, integer(1)))
    times = b.hoisted("mul", times, b.hoisted("add", twins, integer(1)))
    copy.emitted[eqn] = Eqn(copy.fresh(eqn.outs), eqn.op, (least, times), eqn.attrs, (), eqn.span)
    b.append(copy.emitted[eqn])


REGION_RULES: dict[str, Callable[[Forward, Eqn], None]] = {
    "room": _room,
    "build": _elements,
    "reduce": _reduce,
    "fold": _fold,
    "while": _while,
    "cond": _cond,
    "checkpoint": _cond,
    "accum": _accum,
    "add_to": _add_to,
}


# --- tangents of whole values ---


def tangent_rule(b: Builder, eqn: Eqn, series: list[Series]) -> list[Series]:
    """The rule of order 1."""
    tangents = [s[0] for s in series]
    if eqn.op in PRIMITIVES:
        return [(_primitive(b, eqn, tangents),)]
    if eqn.op not in TANGENTS:
        raise no_derivative(eqn)
    return [(t,) for t in TANGENTS[eqn.op](b, eqn, tangents)]


def _primitive(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> Tangent:
    total: Tangent = None
    for k, tangent in enumerate(tangents):
        if tangent is None or not has_partial(eqn.op, k):
            continue
        if eqn.op == "convert":
            return b.prim("convert", tangent, dtype=eqn.outs[0].type.dtype)
        total = values.added(b, total, times_partial(b, eqn.op, k, eqn.args, eqn.outs[0], tangent))
    return total


def _get(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    if tangents[0] is None:
        return [None]
    return [values.element(b, tangents[0], eqn.args[1:], inbounds=values.is_inbounds(eqn))]


def _set(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    array = values.instantiated(b, tangents[0], eqn.args[0].type)
    value = values.instantiated(b, tangents[-1], eqn.args[-1].type)
    return [values.replaced(b, array, eqn.args[1:-1], value, inbounds=values.is_inbounds(eqn))]


def _reshape(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    return [None if tangents[0] is None else b.emit("reshape", [tangents[0], *eqn.args[1:]])[0]]


def _table(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    if all(t is None for t in tangents):
        return [None]
    elements = [values.instantiated(b, t, arg.type) for t, arg in zip(tangents, eqn.args, strict=True)]
    return [b.emit("table", elements, dict(eqn.attrs))[0]]


def _contract(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    def term(left: Tangent, right: Tangent) -> Tangent:
        return None if left is None or right is None else b.emit("contract", [left, right], dict(eqn.attrs))[0]

    return [values.added(b, term(tangents[0], eqn.args[1]), term(eqn.args[0], tangents[1]))]


def _require(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    """The value was found good where it was used."""
    return [tangents[1]]


TANGENTS: dict[str, Rule] = {
    **LINEAR_ALGEBRA,
    "get": _get,
    "set": _set,
    "reshape": _reshape,
    "table": _table,
    "contract": _contract,
    "require": _require,
}
"""By operation; `custom` and `implicit` add theirs."""
