"""Products of matrices and vectors, and the transpose."""

from __future__ import annotations

from difflang.check.coerce import join_scalars, require_same_shape, with_element
from difflang.check.context import Context
from difflang.check.types import is_float, is_int
from difflang.check.values import Array, Scalar, Value
from difflang.core.ir import Atom
from difflang.diagnostics.model import Span
from difflang.signature import ScalarType
from difflang.sizes import Size

SPECS = {(1, 1): "i,i->", (2, 1): "ij,j->i", (1, 2): "i,ij->j", (2, 2): "ij,jk->ik"}


def matmul(context: Context, left: Value, right: Value, span: Span) -> Value:
    """`left @ right` of vectors and matrices. Raises E0305 for other operands, E0401 where the inner sizes differ."""
    if not (isinstance(left, Array) and isinstance(right, Array)) or (left.rank, right.rank) not in SPECS:
        message = f"@ multiplies vectors and matrices, not {context.text(left)} and {context.text(right)}"
        raise context.error("E0305", message, span, hint="use * for numbers and for elements")
    element = _common(context, left, right, span)
    inner = left.shape[-1:]
    message = f"the inner sizes of @ differ: {context.text(left)} and {context.text(right)}"
    require_same_shape(context, inner, right.shape[:1], span, message)
    return product(
        context,
        SPECS[left.rank, right.rank],
        with_element(context, left, element),
        with_element(context, right, element),
    )


def _common(context: Context, left: Array, right: Array, span: Span) -> ScalarType:
    element = join_scalars(left.element, right.element)
    if element is None or not (is_float(element) or is_int(element)):
        raise context.error(
            "E0305",
            f"`@` does not work on {context.text(left)} and {context.text(right)}",
            span,
            hint="give both arrays one element type, such as real",
        )
    return element


def product(context: Context, spec: str, left: Array, right: Array) -> Scalar | Array:
    """A sum of products of two arrays, `spec` as in einsum."""
    inputs, output = spec.split("->")
    sizes: dict[str, Size] = {}
    for letters, operand in zip(inputs.split(","), (left, right), strict=True):
        for letter, size in zip(letters, operand.shape, strict=True):
            sizes.setdefault(letter, size)
    atom = context.builder.emit("contract", [left.atom, right.atom], {"spec": spec})[0]
    if not output:
        return Scalar(atom, left.element)
    return Array(atom, left.element, tuple(sizes[letter] for letter in output))


def transpose(context: Context, value: Array) -> Array:
    """The dimensions in reverse order."""
    if value.rank < 2:
        return value
    shape = value.shape[::-1]

    def body(*index: Atom) -> list[Atom]:
        return [context.builder.get(value.atom, *index[::-1], inbounds=True)]

    return Array(context.builder.build(context.shape_atoms(shape), body)[0], value.element, shape)
