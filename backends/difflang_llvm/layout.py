"""The frame: an array of 8-byte slots through which the host and a compiled function exchange everything.

Slot 0 holds the address of the host's callback, slot 1 that of the flag that an interrupt from the keyboard sets, slot
2 the number of threads to use (0 where there is no choice). Then follow the values of a failure, the parameters
(scalars, pointers of arrays), the pointers of the results whose memory the caller provides, and the results that come
out: scalars, and for every other array its pointer and dimensions. All of this is plain data, so that it can be stored
beside the object code.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from difflang.loops.sites import HostRecord

if TYPE_CHECKING:
    from difflang.core.ir import DType

OUT_OF_MEMORY = -1
HOST_FAILED = -2
INTERRUPTED = -3
PREFERS_THREADS = -4
INTERRUPT_SLOT = 1
THREADS_SLOT = 2
FIRST_FAILURE_SLOT = 3
Dimension = int | str
"""A known dimension, or `p<k>` for the value of parameter k."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One value of the interface: its type, the first of its slots, and the dimensions of an array (None: a scalar).

    A result whose dimensions are not known before the call has only its `rank`: the dimensions come in the
    slots behind the pointer.
    """

    dtype: DType
    slot: int
    shape: tuple[Dimension, ...] | None = None
    rank: int | None = None

    @property
    def is_scalar(self) -> bool:
        return self.shape is None and self.rank is None

    @property
    def is_made(self) -> bool:
        """Whether it is an array in memory that the call takes."""
        return self.shape is None and self.rank is not None


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """One `Check`: the site it reports and the types of its values."""

    site: int
    dtypes: tuple[DType, ...]


@dataclass(slots=True)
class Interface:
    """All that the host must know about a compiled function.

    One that is `brief` is over in no time, whatever its arguments: it need not hear of interrupts, and other threads of
    Python may as well wait for it.
    """

    slots: int
    params: tuple[Slot, ...]
    results: tuple[Slot, ...]
    checks: list[CheckRecord] = field(default_factory=list[CheckRecord])
    host_calls: list[HostRecord] = field(default_factory=list[HostRecord])
    brief: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _tuple(values: Any) -> Any:
    return tuple(_tuple(v) for v in values) if isinstance(values, list) else values


def interface_from_json(data: Any) -> Interface:
    """The inverse of `Interface.to_json`, after a passage through JSON text."""

    def records(kind: Any, rows: Any) -> Any:
        return [kind(**{key: _tuple(value) for key, value in row.items()}) for row in rows]

    return Interface(
        int(data["slots"]),
        tuple(records(Slot, data["params"])),
        tuple(records(Slot, data["results"])),
        records(CheckRecord, data["checks"]),
        records(HostRecord, data["host_calls"]),
        bool(data["brief"]),
    )
