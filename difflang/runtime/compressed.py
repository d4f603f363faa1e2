"""Compressed matrices from their entries: `scipy.sparse.csr_array`, whose structure is made once where it is kept.

The matrices of one structure share it (`difflang.runtime.sharing`): copies of it would take longer than the entries.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Structure:
    """A matrix with the structure of those to come; made for the arrays that `rows` and `columns` refer to."""

    rows: Callable[[], Indices | None]
    columns: Callable[[], Indices | None]
    pattern: Any

    def serves(self, rows: Indices, columns: Indices, shape: tuple[int, int]) -> bool:
        """The same places may be those of matrices of several shapes."""
        return self.rows() is rows and self.columns() is columns and self.pattern.shape == shape


_structures: dict[int, _Structure] = {}
"""By the identity of the row numbers, for as long as these live."""


def csr_array(rows: Indices, columns: Indices, entries: Indices, shape: tuple[int, int]) -> Any:
    """The matrix with these entries, of which those at one place are added."""
    from scipy import sparse

    structure = _structure(rows, columns, shape)
    if structure is None:
        return sparse.csr_array((entries, (rows, columns)), shape=shape)
    return structure.pattern.with_entries(entries)


def _structure(rows: Indices, columns: Indices, shape: tuple[int, int]) -> _Structure | None:
    """The structure of entries that are in order, kept if their places can change no more; None for all others."""
    known = _structures.get(id(rows))
    if known is not None and known.serves(rows, columns, shape):
        return known
    if rows.flags.writeable or columns.flags.writeable or not _in_order(rows, columns):
        return None
    from difflang.runtime.sharing import SharingMatrix

    dtype = np.int32 if max(*shape, rows.size) <= np.iinfo(np.int32).max else np.int64
    starts = np.searchsorted(rows, np.arange(shape[0] + 1)).astype(dtype)
    pattern = SharingMatrix.with_structure(columns.astype(dtype), starts, shape)
    made = _Structure(weakref.ref(rows), weakref.ref(columns), pattern)
    if id(rows) not in _structures:
        weakref.finalize(rows, _structures.pop, id(rows), None)
    _structures[id(rows)] = made
    return made


def _in_order(rows: Indices, columns: Indices) -> bool:
    down, right = np.diff(rows), np.diff(columns)
    return bool(np.all((down > 0) | ((down == 0) & (right > 0))))
