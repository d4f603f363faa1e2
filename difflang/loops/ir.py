"""Loops, the imperative intermediate representation: what remains to be done is code generation.

A `Program` is a list of statements over two kinds of names:

* **Registers** (`Register`): scalars. An immutable register is assigned by exactly one statement, which comes
  before its uses on every path (SSA). Loop carries, reductions and the scalar results of `If` are mutable registers,
  which any statement may assign again.
* **Arrays** (`Array`): pointers to contiguous row-major elements, with the shape as operands. There are no
  strides: a sub-array of leading indices and a reshape are contiguous too (`View`), and everything else was made
  by loops. The pointer of an immutable array is set by one statement (`Allocate`, `Table`, `View`), or is a parameter
  or a result; the pointer of a mutable array is set by `Rebind`, or moved by `Reserve`.

**Memory.** Parameters are read-only: no statement writes to memory reached from a parameter. Results are written
to memory that the caller provides (`Result.provided`: every dimension is a literal or a parameter) or that
`AllocateResult` takes from the heap for the caller. All else is `Allocate`d: on the stack frame (`place="stack"`,
small literal sizes) or in the arena (`place="arena"`), a bump allocator. `Scope` marks the arena on entry and
releases it on exit; what is allocated inside a `Scope` is not used after it. The memory of an `Allocate` is not
initialised. Every `Allocate` gives memory that nothing else overlaps until its scope ends. Every range of a
`Parallel` has an arena of its own. Growable arrays (`Grow`) live on the heap until their scope ends.

**Aliasing.** Two immutable arrays overlap only if one is made from the other by `View` (follow `View.base` to the
root; different roots are disjoint). A mutable array may point into whatever `Rebind` gave it.

**Loops.** `For` runs `index` from `start` to `extent - 1` (downwards with `reverse`); an extent below `start` counts
as `start`. Kinds: `serial` (in order); `parallel` (iterations are independent but for `reductions` and `Accumulate`);
`vector` (the same independence, innermost, worth SIMD lanes). Loops with one `nest` are pieces of one: iterations of
different pieces are as independent. The scheduler makes programs for one thread; `loops.threads` turns loops into
`Parallel` ranges.

**Failure.** `Check` ends the program: the site says what went wrong, its values fill the message. The failure
reported is the first one in the order of the iterations, also of those that run at the same time.

bool elements take one byte in memory; dtypes are those of Core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal as Choice

from difflang.core.ir import Attribute, DType, Literal
from difflang.diagnostics.model import Span
from difflang.loops.sites import HostSite, Site


@dataclass(eq=False, slots=True)
class Register:
    """A scalar. `name` is a hint for printing; two registers are the same only if they are the same object."""

    dtype: DType
    name: str = ""
    mutable: bool = False


Operand = Register | Literal
ZERO = Literal(0, "i64")


@dataclass(eq=False, slots=True)
class Array:
    """A pointer to contiguous row-major elements; rank 0 is one element. A dimension below 0 counts as 0."""

    dtype: DType
    shape: tuple[Operand, ...]
    name: str = ""
    mutable: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)


Value = Operand | Array


# --- scalars ---


@dataclass(eq=False, slots=True)
class Apply:
    """`out = primitive(args)`: a scalar primitive of `difflang.prims`, with its meaning and its attributes.

    Integer `floordiv` and `mod` never see a zero divisor: a `Check` stands before them."""

    out: Register
    primitive: str
    args: tuple[Operand, ...]
    attrs: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])


@dataclass(eq=False, slots=True)
class Assign:
    """`targets = sources`, all at once: every source is read before any target is written."""

    targets: tuple[Register, ...]
    sources: tuple[Operand, ...]


@dataclass(eq=False, slots=True)
class Room:
    """`room, beside, whole = room least times`: as in Core, until the memory of the program is counted (`budgets`)."""

    outs: tuple[Register, Register, Register]
    least: Operand
    times: Operand
    memory: int
    share: int
    free: bool = False
    span: Span | None = None


# --- memory ---


@dataclass(eq=False, slots=True)
class Load:
    """`out = array[indices]`, one index a dimension, all in range."""

    out: Register
    array: Array
    indices: tuple[Operand, ...]


@dataclass(eq=False, slots=True)
class Store:
    """`array[indices] = value`, one index a dimension, all in range."""

    array: Array
    indices: tuple[Operand, ...]
    value: Operand


@dataclass(eq=False, slots=True)
class Accumulate:
    """`array[indices] += value`.

    `apart` holds the indices of those independent loops around it in which no two iterations add to one element. In any
    other loop around it, but not around the array's allocation, they may: threads must then add atomically.
    """

    array: Array
    indices: tuple[Operand, ...]
    value: Operand
    apart: tuple[Register, ...] = ()


@dataclass(eq=False, slots=True)
class Limit:
    """Says before anything is allocated that the arena is to take no more than so many bytes."""

    bytes: Operand


@dataclass(eq=False, slots=True)
class Allocate:
    """Gives `array` fresh memory, not initialised, until the innermost `Scope` (or the program) ends.

    `stack` only for literal shapes of few bytes; the memory may be one fixed place in the frame, because
    its content is dead when the statement is reached again.
    """

    array: Array
    place: Choice["arena", "stack"] = "arena"


@dataclass(eq=False, slots=True)
class AllocateResult:
    """Gives the array of result number `position` memory from the heap; the caller will own it."""

    array: Array
    position: int


@dataclass(eq=False, slots=True)
class Table:
    """`array` = memory of the program itself that holds these elements for ever; it is never written."""

    array: Array
    elements: tuple[Literal, ...]


@dataclass(eq=False, slots=True)
class View:
    """`array` = the memory of `base` from `base[indices]` on (leading indices, possibly none), with its own shape."""

    array: Array
    base: Array
    indices: tuple[Operand, ...] = ()


@dataclass(eq=False, slots=True)
class Rebind:
    """Sets the pointers of mutable arrays, all at once (a swap is one statement). Shapes agree."""

    targets: tuple[Array, ...]
    sources: tuple[Array, ...]


@dataclass(eq=False, slots=True)
class Grow:
    """Makes the mutable `array` an empty growable array on the heap, freed when the scope ends (also by a failure).

    `array.shape[0]` counts the rows used (a mutable register of the program's own); the other dimensions are fixed.
    """

    array: Array


@dataclass(eq=False, slots=True)
class Reserve:
    """Gives the growable `array` room for `rows` rows, in amortised O(1) a row. The pointer may move."""

    array: Array
    rows: Operand


@dataclass(eq=False, slots=True)
class Copy:
    """All elements of `source` to `target`: the same shape; the same memory or disjoint memory."""

    target: Array
    source: Array


@dataclass(eq=False, slots=True)
class Fill:
    """Sets all elements of `array` to `value`."""

    array: Array
    value: Operand


# --- control ---


@dataclass(frozen=True, slots=True)
class Reduction:
    """`register` is combined over the iterations of a loop by `add mul max min and or`, in any order.

    The body holds `Apply(register, op, (register, x))`, possibly under `If`, and reads the register nowhere else.
    """

    register: Register
    op: str


LoopKind = Choice["serial", "parallel", "vector"]


@dataclass(eq=False, slots=True)
class For:
    """Runs the body, with registers of its own, for every index. Floating-point reductions permit `reassoc`."""

    index: Register
    extent: Operand
    body: Body
    kind: LoopKind = "serial"
    reverse: bool = False
    reductions: tuple[Reduction, ...] = ()
    start: Operand = ZERO
    nest: object = None


@dataclass(eq=False, slots=True)
class Parallel:
    """Cuts 0 .. extent - 1 into `chunks` ranges of nearly equal length and runs `body` for each, on several threads.

    In a range `chunk` is its number, `begin` its first index and `end` the one behind its last. Registers that the
    body sets are the range's own; it has no `HostCall`, `AllocateResult` or further `Parallel`. With `overlap` s the
    last s indices of every range wait, as a range of their own with the same number, until all others are done: the
    ranges have at least 2 s indices each, and indices that differ by more than s never write to the same memory.
    """

    chunk: Register
    begin: Register
    end: Register
    extent: Operand
    chunks: Operand
    body: Body
    overlap: int = 0


@dataclass(eq=False, slots=True)
class While:
    """Runs `condition`, then ends if the operand `test` is false, else runs `body`, and so on."""

    condition: Body
    test: Operand
    body: Body


@dataclass(eq=False, slots=True)
class If:
    test: Operand
    then: Body
    otherwise: Body = ()


@dataclass(eq=False, slots=True)
class Scope:
    """Marks the arena on entry, releases it on exit. Registers set inside may be read after it, its memory may not."""

    body: Body


# --- calls ---


@dataclass(eq=False, slots=True)
class Kernel:
    """A library routine on arrays: `outputs` are written whole, `inputs` stay, none of them overlap.

    `gemm[transpose_a, transpose_b] A B -> C`   C = op(A) op(B), all matrices
    `argsort a -> p`, `cholesky a -> L`, `lu a -> LU p`, `triangular_solve[lower, transpose, unit] a b -> x`,
    `solve a b -> x`, `qr a -> Q R`, `eigh a -> w V`, `svd a -> U s Vt`: as in `difflang.core.ops`, with
    dimensions of any size, also 0. `site` is reported when the routine fails (matrix singular, not positive definite,
    no convergence); its value is the number that the routine gives (LAPACK's `info`).
    """

    name: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    attrs: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])
    site: int | None = None


@dataclass(eq=False, slots=True)
class Check:
    """Fails with `program.sites[site]` and the values if `condition` is false."""

    condition: Operand
    site: int
    values: tuple[Operand, ...] = ()


@dataclass(eq=False, slots=True)
class PreferThreads:
    """At the start: a caller with threads should rather run the program made for them if `condition` holds."""

    condition: Operand


@dataclass(eq=False, slots=True)
class HostCall:
    """`program.host_sites[site]` with the arguments. Arrays among `outs` are allocated already, and written whole."""

    site: int
    args: tuple[Value, ...]
    outs: tuple[Value, ...] = ()


ScalarStatement = Apply | Assign | Room | Load | Store | Accumulate
MemoryStatement = Limit | Allocate | AllocateResult | Table | View | Rebind | Grow | Reserve | Copy | Fill
ControlStatement = For | Parallel | While | If | Scope
CallStatement = Kernel | Check | PreferThreads | HostCall
Statement = ScalarStatement | MemoryStatement | ControlStatement | CallStatement
Body = tuple[Statement, ...]


# --- programs ---


@dataclass(eq=False, slots=True)
class Result:
    """One result, in the order of the Core function.

    A scalar is an operand, read when the program ends. An array with `provided` is a pointer that the caller gives,
    of the shape that its parameters say; otherwise `AllocateResult` sets it, and its shape is read at the end.
    """

    value: Value
    provided: bool = False


@dataclass(eq=False, slots=True)
class Program:
    """`params` in the order of the Core function. Array shapes mention only parameters that stand before them."""

    name: str
    params: tuple[Register | Array, ...]
    results: tuple[Result, ...]
    body: Body
    sites: tuple[Site, ...] = ()
    host_sites: tuple[HostSite, ...] = ()
