"""Forward mode: tangents beside the values, in the same regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, Eqn, Var
from difflang.core.ops import carries
from difflang.derive import values
from difflang.derive.activity import varied_variables
from difflang.derive.copying import Copy
from difflang.derive.desugar import desugared
from difflang.derive.linalg import LINEAR_ALGEBRA, Rule
from difflang.derive.partials import has_partial, times_partial
from difflang.derive.refuse import no_derivative
from difflang.prims import PRIMITIVES

Tangent = Atom | None


def jvp(
    builder: Builder, block: Block, args: Sequence[Atom], tangents: Sequence[Tangent]
) -> tuple[list[Atom], list[Tangent]]:
    """Emits the block's code at the builder's position together with its tangents.

    Parameters are replaced by `args`; a tangent has the type of its argument, or is None for a symbolic
    zero (always so for integers and bools). Free variables of the block are constants. Returns the results
    and their tangents. Raises E0501 where something that depends on a tangent has no derivative.
    """
    active = [t is not None for t in tangents]
    block = desugared(block, varied_variables(block, active))
    forward = Forward(builder, varied_variables(block, active))
    forward.tangents.update((p, t) for p, t in zip(block.params, tangents, strict=True) if t is not None)
    results = forward.run(block, args)
    return results, [forward.tangent(r) for r in block.results]


class Forward(Copy):
    """A copy that carries tangents: `tangents` maps the original variables, where they are not zero."""

    def __init__(self, builder: Builder, varied: set[Var]) -> None:
        super().__init__(builder, {})
        self.varied = varied
        self.tangents: dict[Var, Atom] = {}

    def tangent(self, atom: Atom) -> Tangent:
        return self.tangents.get(atom) if isinstance(atom, Var) else None

    def is_varied(self, atom: Atom) -> bool:
        return isinstance(atom, Var) and atom in self.varied

    def needed(self, atoms: Sequence[Atom], twins_of: Sequence[Atom] | None = None) -> list[Atom]:
        """The tangents of those atoms whose counterpart in `twins_of` (the atoms themselves if not given) is varied.

        What turned out to be zero becomes real zeros.
        """
        pairs = zip(atoms, twins_of or atoms, strict=True)
        wanted = [atom for atom, twin in pairs if self.is_varied(twin)]
        return [values.instantiated(self.builder, self.tangent(a), self.atom(a).type) for a in wanted]

    def twins(self, variables: Sequence[Var]) -> list[Var]:
        """New variables for the tangents of the varied ones among these (whose copies exist)."""
        made: list[Var] = []
        for variable in variables:
            if variable in self.varied:
                copied = self.values[variable]
                twin = Var(copied.type, f"d{variable.name}" if variable.name else "")
                self.tangents[variable] = twin
                made.append(twin)
        return made

    def equation(self, eqn: Eqn) -> None:
        self.builder.span = eqn.span
        if eqn.op in REGION_RULES:
            REGION_RULES[eqn.op](self, eqn)
            return
        super().equation(eqn)
        if any(self.is_varied(out) for out in eqn.outs):
            self._values(eqn)

    def _values(self, eqn: Eqn) -> None:
        if eqn.op in PRIMITIVES:
            found: Sequence[Tangent] = [self._primitive(eqn)]
        elif eqn.op in TANGENTS:
            found = TANGENTS[eqn.op](self.builder, self.emitted[eqn], [self.tangent(a) for a in eqn.args])
        else:
            raise no_derivative(eqn)
        self.tangents.update((out, t) for out, t in zip(eqn.outs, found, strict=True) if t is not None)

    def _primitive(self, eqn: Eqn) -> Tangent:
        b, args, out = self.builder, self.atoms(eqn.args), self.atom(eqn.outs[0])
        total: Tangent = None
        for k, arg in enumerate(eqn.args):
            tangent = self.tangent(arg)
            if tangent is None or not has_partial(eqn.op, k):
                continue
            if eqn.op == "convert":
                return b.prim("convert", tangent, dtype=out.type.dtype)
            total = values.added(b, total, times_partial(b, eqn.op, k, args, out, tangent))
        return total

    def emit(self, eqn: Eqn, outs: Sequence[Var], args: Sequence[Atom], regions: Sequence[Block], **attrs: int) -> None:
        """The equation with twins among its outs, arguments and regions."""
        self.builder.span = eqn.span
        self.builder.append(Eqn(tuple(outs), eqn.op, tuple(args), {**eqn.attrs, **attrs}, tuple(regions), eqn.span))

    def twin_region(self, region: Block) -> Block:
        """A region whose results are followed by their tangents."""
        params = self.fresh(region.params)
        return self.builder.block_with(params, lambda *_: [*self.rest(region), *self.needed(region.results)])


# --- operations with regions ---


def _elements(forward: Forward, eqn: Eqn) -> None:
    """`build`, and `reduce` with a sum."""
    region = forward.twin_region(eqn.regions[0])
    outs = forward.fresh(eqn.outs)
    forward.emit(eqn, [*outs, *forward.twins(eqn.outs)], forward.atoms(eqn.args), [region])


def _reduce(forward: Forward, eqn: Eqn) -> None:
    if eqn.attrs["op"] == "sum":
        _elements(forward, eqn)
        return
    Copy.equation(forward, eqn)
    if any(forward.is_varied(out) for out in eqn.outs):
        _extremes(forward, eqn)


def _extremes(forward: Forward, eqn: Eqn) -> None:
    """The tangent of a maximum is the mean of the tangents of the elements that attain it."""
    b, region = forward.builder, eqn.regions[0]
    wanted = [(r, out) for r, out in zip(region.results, eqn.outs, strict=True) if forward.is_varied(out)]
    forward.again, outer = True, forward.again

    def body(*_: Atom) -> list[Atom]:
        forward.rest(region)
        sums: list[Atom] = []
        for result, out in wanted:
            attains = values.attains(b, eqn, forward.atom(result), forward.atom(out))
            (tangent,) = forward.needed([result], [out])
            zero = values.zeros(b, tangent.type)
            sums += [b.prim("select", attains, tangent, zero), b.prim("convert", attains, dtype=tangent.type.dtype)]
        return sums

    block = b.block_with(forward.fresh(region.params), body)
    forward.again = outer
    sums = b.emit("reduce", forward.atoms(eqn.args), {"op": "sum"}, [block])
    for (_, out), total, count in zip(wanted, sums[::2], sums[1::2], strict=True):
        forward.tangents[out] = b.prim("div", total, values.at_least_one(b, count))


def _fold(forward: Forward, eqn: Eqn) -> None:
    b, body, k = forward.builder, eqn.regions[0], carries(eqn.attrs)
    count, *inits = eqn.args
    tangent_inits = forward.needed(inits, body.params[1:])
    params = forward.fresh(body.params)
    region = b.block_with((*params, *forward.twins(body.params[1:])), lambda *_: _step(forward, eqn))
    outs = forward.fresh(eqn.outs)
    finals, stacks = forward.twins(eqn.outs[:k]), forward.twins(eqn.outs[k:])
    args = [forward.atom(count), *forward.atoms(inits), *tangent_inits]
    forward.emit(eqn, [*outs[:k], *finals, *outs[k:], *stacks], args, [region], carries=k + len(finals))


def _step(forward: Forward, eqn: Eqn) -> list[Atom]:
    """The results of a loop's body: carries, their tangents, stacked values, their tangents."""
    body, k = eqn.regions[-1], carries(eqn.attrs)
    results = forward.rest(body)
    carry_tangents = forward.needed(body.results[:k], eqn.outs[:k])
    return [*results[:k], *carry_tangents, *results[k:], *forward.needed(body.results[k:])]


def _while(forward: Forward, eqn: Eqn) -> None:
    b, k = forward.builder, carries(eqn.attrs)
    test, body = eqn.regions
    tangent_inits = forward.needed(eqn.args, body.params)
    params = forward.fresh(test.params)
    unused = [Var(t.type) for t in tangent_inits]
    condition = b.block_with((*params, *unused), lambda *_: forward.rest(test))
    params = forward.fresh(body.params)
    step = b.block_with((*params, *forward.twins(body.params)), lambda *_: _step(forward, eqn))
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
    tangent = forward.tangent(value)
    total = forward.tangent(ref)
    if tangent is not None and total is not None:
        forward.builder.add_to(total, *forward.atoms(indices), tangent, inbounds=True)


REGION_RULES: dict[str, Callable[[Forward, Eqn], None]] = {
    "build": _elements,
    "reduce": _reduce,
    "fold": _fold,
    "while": _while,
    "cond": _cond,
    "checkpoint": _cond,
    "accum": _accum,
    "add_to": _add_to,
}


# --- operations on whole values ---


def _get(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    return [None if tangents[0] is None else values.element(b, tangents[0], eqn.args[1:])]


def _set(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    array = values.instantiated(b, tangents[0], eqn.args[0].type)
    value = values.instantiated(b, tangents[-1], eqn.args[-1].type)
    return [values.replaced(b, array, eqn.args[1:-1], value)]


def _reshape(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    return [None if tangents[0] is None else b.emit("reshape", [tangents[0], *eqn.args[1:]])[0]]


def _contract(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    def term(left: Tangent, right: Tangent) -> Tangent:
        return None if left is None or right is None else b.emit("contract", [left, right], dict(eqn.attrs))[0]

    return [values.added(b, term(tangents[0], eqn.args[1]), term(eqn.args[0], tangents[1]))]


TANGENTS: dict[str, Rule] = {**LINEAR_ALGEBRA, "get": _get, "set": _set, "reshape": _reshape, "contract": _contract}
"""By operation; `custom` and `implicit` add theirs."""
