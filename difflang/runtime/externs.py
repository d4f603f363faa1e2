"""What a Python function bound to an `extern fn` returned, held against what the program declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from difflang.diagnostics.model import Span
from difflang.runtime.arrays import NUMPY_DTYPES
from difflang.runtime.failures import extern_mismatch

if TYPE_CHECKING:
    from difflang.core.ir import DType

Leaf: TypeAlias = "tuple[DType, tuple[int, ...]]"
"""The type of a result: its dtype and shape."""


def extern_values(
    span: Span | None, name: str, expected: Sequence[Leaf], results: Sequence[Any]
) -> list[npt.NDArray[Any]]:
    """The results as arrays of exactly the expected types and shapes.

    A Python number takes the type that is expected if it has that value there; an array must have the type.
    Raises E0808 where they do not fit.
    """
    types = [NUMPY_DTYPES[leaf[0]] if _adapts(r, *leaf) else None for leaf, r in zip(expected, results, strict=False)]
    types += [None] * (len(results) - len(types))
    arrays = [np.asarray(result, type_) for result, type_ in zip(results, types, strict=True)]
    wanted = [_describe(str(NUMPY_DTYPES[dtype]), shape) for dtype, shape in expected]
    found = [_describe(str(array.dtype), array.shape) for array in arrays]
    if wanted != found:
        raise extern_mismatch(span, name, ", ".join(wanted), ", ".join(found) or "nothing")
    return arrays


def _adapts(result: Any, dtype: DType, shape: tuple[int, ...]) -> bool:
    """Whether a result is a plain Python number that the type holds."""
    if shape or type(result) not in (int, float):
        return False
    kind = NUMPY_DTYPES[dtype].kind
    return kind == "f" or (kind == "i" and isinstance(result, int))


def _describe(dtype: str, shape: tuple[int, ...]) -> str:
    return f"an array of {dtype} of shape {list(shape)}" if shape else f"a number of type {dtype}"
