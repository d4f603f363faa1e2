"""The machinery that passes share: copying Core while replacing atoms.

A pass never changes a function: it makes a new one. A type mentions sizes, so replacing a size gives the
variables whose types mention it new identities; `Rewriter` keeps track of both kinds of replacement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Type, Var


class Rewriter:
    """Copies a function equation by equation; subclasses override `equation`.

    `atoms` says what each variable of the old function has become; a variable that is missing stands for
    itself. `frames` are the equation lists of the blocks that are being written, innermost last. A rewriter that
    `renews` makes new variables of all, not only of those whose types have changed.
    """

    renews = False

    def __init__(self) -> None:
        self.atoms: dict[Var, Atom] = {}
        self.frames: list[list[Eqn]] = []

    def func(self, func: Func) -> Func:
        return Func(func.name, self.block(func.block))

    def block(self, block: Block) -> Block:
        params = self.define(block.params)
        self.frames.append([])
        for eqn in block.eqns:
            self.equation(eqn)
        results = self.all(block.results)
        eqns = tuple(self.frames.pop())
        if eqns == block.eqns and results == block.results and params == block.params:
            return block
        return Block(params, eqns, results)

    def equation(self, eqn: Eqn) -> None:
        self.append(self.copy(eqn))

    def append(self, eqn: Eqn) -> None:
        self.frames[-1].append(eqn)

    def copy(self, eqn: Eqn) -> Eqn:
        """The equation with everything in it rewritten; the same object if nothing has changed."""
        args = self.all(eqn.args)
        regions = tuple([self.block(region) for region in eqn.regions])
        outs = self.define(eqn.outs)
        if args == eqn.args and regions == eqn.regions and outs == eqn.outs:
            return eqn
        return Eqn(outs, eqn.op, args, eqn.attrs, regions, eqn.span)

    def atom(self, atom: Atom) -> Atom:
        return self.atoms.get(atom, atom) if isinstance(atom, Var) else atom

    def all(self, atoms: Iterable[Atom]) -> tuple[Atom, ...]:
        known = self.atoms
        return tuple([known.get(atom, atom) if isinstance(atom, Var) else atom for atom in atoms])

    def type(self, type_: Type) -> Type:
        if not type_.shape:
            return type_
        shape = self.all(type_.shape)
        return type_ if shape == type_.shape else Type(type_.dtype, shape, type_.ref)

    def define(self, variables: Sequence[Var]) -> tuple[Var, ...]:
        """Variables that are bound here: the same ones, unless their types have changed."""
        return tuple([self.variable(v) if v.type.shape or self.renews else v for v in variables])

    def variable(self, variable: Var) -> Var:
        type_ = self.type(variable.type)
        if type_ is variable.type:
            return variable
        new = Var(type_, variable.name)
        self.atoms[variable] = new
        return new

    def splice(self, block: Block, args: Sequence[Atom]) -> tuple[Atom, ...]:
        """Writes the equations of a block (not yet copied) here, once, in place of the equation that owns it."""
        self.atoms.update(zip(block.params, args, strict=True))
        for eqn in block.eqns:
            self.equation(eqn)
        return self.all(block.results)


class Cloner(Rewriter):
    """Copies with new variables throughout, so that a block can stand in several places."""

    renews = True

    def variable(self, variable: Var) -> Var:
        new = Var(self.type(variable.type), variable.name)
        self.atoms[variable] = new
        return new


def clone(block: Block, args: Sequence[Atom]) -> tuple[tuple[Eqn, ...], tuple[Atom, ...]]:
    """The equations and results of a block for the given arguments, with new variables."""
    cloner = Cloner()
    cloner.frames.append([])
    results = cloner.splice(block, args)
    return tuple(cloner.frames.pop()), results


def key_of(atom: Atom) -> object:
    """A hashable identity: literals by type and exact digits (0.0 is not -0.0), variables by themselves."""
    return (atom.dtype, repr(atom.value)) if isinstance(atom, Literal) else atom


def same_atom(left: Atom, right: Atom) -> bool:
    return left is right or key_of(left) == key_of(right)
