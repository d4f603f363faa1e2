"""Matrices of one structure that share it until one of them changes it. Importing this imports `scipy.sparse`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Indices = npt.NDArray[Any]

Matrix: Any = sparse.csr_array
"""What SciPy tells nothing about the types of."""


class SharingMatrix(Matrix):
    """A `scipy.sparse.csr_array` whose `indices` and `indptr` are read-only, as others have them too.

    Where SciPy writes into them it does so in the two methods below; everything else in it that changes a matrix in
    place, such as setting an element, makes new arrays. Copies and pickled ones have arrays of their own.
    """

    @classmethod
    def with_structure(cls, indices: Indices, indptr: Indices, shape: tuple[int, int]) -> SharingMatrix:
        """A matrix of this structure, whose entries are in order, but without entries."""
        made = cls((np.zeros(indices.size), indices, indptr), shape=shape)
        made.has_canonical_format = True
        made.data = made.data[:0].copy()
        for array in (made.indices, made.indptr):
            array.flags.writeable = False
        return made

    def with_entries(self, entries: Any) -> SharingMatrix:
        """A matrix that has the structure of this one, made without the constructor: it would look for misfits."""
        made = SharingMatrix.__new__(SharingMatrix)
        made.__dict__.update(self.__dict__, data=entries)
        return made

    def eliminate_zeros(self) -> None:
        self._separate()
        super().eliminate_zeros()

    def resize(self, *shape: int | tuple[int, int]) -> None:
        self._separate()
        super().resize(*shape)

    def _separate(self) -> None:
        """Takes arrays of its own, which may be written into."""
        for name in ("indices", "indptr"):
            array = getattr(self, name)
            if not array.flags.writeable:
                setattr(self, name, array.copy())

    def __reduce__(self) -> tuple[Any, ...]:
        return Matrix, ((self.data, self.indices, self.indptr), self.shape)
