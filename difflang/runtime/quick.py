"""The quick way of a call: a function written for one signature and one way of giving its arguments.

It does what `match`, `marshal` and `unmarshal` do, in the same order, with all that does not depend on the values
decided beforehand. An argument that is not yet in its flat form goes through `leaf_value` as always; whatever else
is not plain raises `Unusual`, and the general way is taken, which also has the words for every mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from difflang.backend.protocol import DirectExecutable, Executable, PlainExecutable
from difflang.diagnostics import Span
from difflang.runtime.arrays import NUMPY_DTYPES, leaf_value
from difflang.runtime.binding import plain_name
from difflang.runtime.marshal import SPARSE_LEAVES, owned, sparse_matrix
from difflang.runtime.opening import NoQuickWay, OpeningWriter
from difflang.runtime.plain import plain_call
from difflang.runtime.staged import Staged
from difflang.runtime.structs import Struct
from difflang.runtime.types import Leaf
from difflang.signature import ArrayType, ScalarType, Signature, SparseType, StructType, ValueType
from difflang.sizes import Size

if TYPE_CHECKING:
    from difflang.core.ir import DType

QuickCall = Callable[..., Any]
"""Takes what makes the host, by `make_host`, and the arguments: those by position, then those by name.

Raises Unusual, or what a call raises.
"""

SCALAR_TESTS: dict[DType, str] = {
    "f64": "type({0}) is float",
    "f32": f"type({{0}}) is float and abs({{0}}) <= {float(np.finfo(np.float32).max)!r}",
    "i64": f"type({{0}}) is int and {-(2**63)} <= {{0}} < {2**63}",
    "i32": f"type({{0}}) is int and {-(2**31)} <= {{0}} < {2**31}",
    "bool": "type({0}) is bool",
}
"""What `leaf_value` would give back as it is."""


NAME = re.compile(r"[^\W\d]\w*")
EXPRESSION = re.compile(r"[\w\s()+*-]+(// [1-9]\d*)?")
"""The sizes that Python computes from their texts, without a way to fail."""


class Unusual(Exception):
    """The arguments are wrong, or of a kind that only the general way takes."""


def quick_call(
    signature: Signature,
    executable: Executable,
    order: Mapping[str, int],
    data: Mapping[str, object],
    keep: Callable[[QuickCall], None],
) -> QuickCall | None:
    """The quick way for arguments at the places that `order` gives; None where only the general way will do.

    When it is first taken, it may `keep` a quicker one, which has cost something to make, for all later calls.
    """
    if not isinstance(executable, DirectExecutable):
        return None
    writer = _CallWriter()
    arguments = [f"a{place}" for place in range(len(order))]
    if arguments:
        writer.line(f"{', '.join(arguments)}, = arguments")
    try:
        for parameter in signature.parameters:
            writer.take(f"a{order[parameter.name]}", parameter.type, parameter.name, parameter.span)
        for item in signature.data:
            writer.take(writer.local_constant(data[item.name]), item.type, item.name, item.span)
        writer.finish(signature, executable)
    except NoQuickWay:
        return None
    written = writer.function(["caller", "arguments"])
    plain = plain_call(signature, order, data)
    if plain is None or not isinstance(executable, PlainExecutable):
        return written

    def first(caller: object, arguments: tuple[object, ...]) -> object:
        quicker = executable.plain_function(plain, written)
        keep(quicker)
        return quicker(caller, arguments)

    return first


class _CallWriter(OpeningWriter):
    def __init__(self) -> None:
        super().__init__("raise Unusual")
        self._sizes: dict[str, str] = {}
        self._flat: list[str] = []
        self._shares = False
        self.unusual = f"raise {self.constant(Unusual)}"

    def leaf(self, local: str, leaf: Leaf, span: Span | None) -> None:
        """Checks and binds its sizes too, as `marshal` does."""
        (self._take_array if leaf.shape else self._take_scalar)(local, leaf, span)

    def _take_scalar(self, local: str, leaf: Leaf, span: Span | None) -> None:
        self._convert(local, SCALAR_TESTS[leaf.dtype].format(local), leaf, span)
        if leaf.element.surface == "int":
            self._sizes.setdefault(leaf.path, local)

    def _take_array(self, local: str, leaf: Leaf, span: Span | None) -> None:
        array, dtype = self.constant(np.ndarray), self.constant(NUMPY_DTYPES[leaf.dtype])
        ready = f"type({local}) is {array} and {local}.dtype is {dtype} and {local}.ndim == {len(leaf.shape)}"
        self._convert(local, f"{ready} and {local}.flags.c_contiguous and {local}.flags.aligned", leaf, span)
        extents = [f"{local}_{axis}" for axis in range(len(leaf.shape))]
        self.line(f"{', '.join(extents)}, = {local}.shape")
        for size, extent in zip(leaf.shape, extents, strict=True):
            self._settle(size, extent)

    def _convert(self, local: str, ready: str, leaf: Leaf, span: Span | None) -> None:
        convert, leaf_name, span_name = self.constant(leaf_value), self.constant(leaf), self.constant(span)
        self.line(f"if not ({ready}): {local} = {convert}({local}, {leaf_name}, {span_name})")
        self._flat.append(local)

    def _settle(self, size: Size, extent: str) -> None:
        name = plain_name(size)
        if name is not None and name not in self._sizes:
            self._sizes[name] = extent
        else:
            whole = size.denominator
            self.line(f"if {whole}*{extent} != {self._multiple(size, whole)}: {self.unusual}")

    def _multiple(self, size: Size, factor: int) -> str:
        """A size times a factor that makes all its coefficients whole."""
        products = ["*".join([str(c * factor), *(self._bound(name) for name in names)]) for names, c in size.terms]
        return f"({' + '.join(products) or '0'})"

    def _bound(self, name: str) -> str:
        """A size by its name, or by its text, such as `2*n`, in which names stand."""
        if name in self._sizes:
            return self._sizes[name]
        if name.isidentifier() or not EXPRESSION.fullmatch(name):
            raise NoQuickWay
        return f"({NAME.sub(lambda match: self._bound(match[0]), name)})"

    def finish(self, signature: Signature, executable: DirectExecutable) -> None:
        """Runs the compiled function and builds the result, as `unmarshal` does."""
        arguments = [*(self._bound(name) for name in signature.sizes), *self._flat]
        if executable.asks_host:
            self.line("host = caller.make_host()")
        results = executable.write_call(self, arguments, "host" if executable.asks_host else "None")
        self._shares = isinstance(executable, Staged)
        if signature.result is not None:
            self.line(f"return {self._built(signature.result, iter(results))}")

    def _built(self, type_: ValueType, results: Iterator[str]) -> str:
        if isinstance(type_, ArrayType) and self._shares:
            return f"{self.constant(owned)}({next(results)})"
        if isinstance(type_, ScalarType | ArrayType):
            return next(results)
        if isinstance(type_, SparseType):
            return f"{self.constant(sparse_matrix)}({', '.join(islice(results, len(SPARSE_LEAVES)))})"
        if isinstance(type_, StructType):
            fields = [f"{self.constant(name)}: {self._built(field, results)}" for name, field in type_.fields]
            return f"{self.constant(Struct)}({self.constant(type_.name)}, {{{', '.join(fields)}}})"
        return f"({''.join(self._built(element, results) + ', ' for element in type_.elements)})"
