"""One value from Python as one flat value: numbers, NumPy arrays, DLPack objects and lists of numbers.

An array must have exactly the dtype of its parameter; Python numbers, and lists of them, take the type
that is needed when they fit. Strided and byte-swapped arrays are copied.
"""

from __future__ import annotations

import numbers
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from difflang.backend.protocol import Value
from difflang.diagnostics import DiffLangError, Span, error
from difflang.diagnostics.suggest import kind_of
from difflang.runtime.types import Leaf, leaf_text

if TYPE_CHECKING:
    from difflang.core.ir import DType

NUMPY_DTYPES: dict[DType, np.dtype[Any]] = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "i64": np.dtype(np.int64),
    "i32": np.dtype(np.int32),
    "bool": np.dtype(np.bool_),
}

Array = npt.NDArray[Any]


def leaf_value(raw: object, leaf: Leaf, span: Span | None = None) -> Value:
    """The flat value for a leaf, of exactly its dtype and rank.

    Raises E0603 (not a value of this kind), E0604 (another rank), E0606 (another dtype), E0608 (does not fit).
    """
    dtype = NUMPY_DTYPES[leaf.dtype]
    if type(raw) is np.ndarray:
        array = raw
    elif isinstance(raw, numbers.Number | np.bool_):
        return _number(raw, leaf, span)
    else:
        array = _as_array(raw, leaf, span)
    if array.ndim != len(leaf.shape):
        raise _rank_error(leaf, array.shape, span)
    if array.dtype != dtype:
        array = _same_kind(array, dtype, leaf, span)
    if not leaf.shape:
        return array.item()
    return np.ascontiguousarray(array) if array.flags.aligned else array.copy()


def _number(raw: Any, leaf: Leaf, span: Span | None) -> Value:
    """A Python or NumPy scalar as the scalar of the leaf."""
    if leaf.shape:
        raise _rank_error(leaf, (), span, number=raw)
    truth = isinstance(raw, bool | np.bool_)
    if leaf.dtype == "bool" or truth:
        if leaf.dtype == "bool" and truth:
            return bool(raw)
        raise _kind_error(leaf, f"{raw!r}", span)
    if isinstance(raw, numbers.Integral):
        return _fitting_integer(int(raw), leaf, span)
    if not isinstance(raw, numbers.Real):
        raise _kind_error(leaf, f"the complex number {raw}", span)
    if leaf.dtype in ("i64", "i32"):
        hint = f"Give a whole number, such as `{leaf.path} = {round(float(raw)) if np.isfinite(float(raw)) else 1}`."
        raise error(
            "E0608", f"`{leaf.path}` must be a whole number ({leaf_text(leaf)}), but it is {raw}.", span, hint=hint
        )
    return _fitting_float(float(raw), raw, leaf, span)


def _fitting_integer(value: int, leaf: Leaf, span: Span | None) -> Value:
    if leaf.dtype in ("f64", "f32"):
        try:
            return _fitting_float(float(value), value, leaf, span)
        except OverflowError:
            raise _range_error(str(value)[:20] + "...", leaf, span) from None
    bits = 32 if leaf.dtype == "i32" else 64
    if leaf.element.surface == "key" and value >= 2**63 and value < 2**64:
        return value - 2**64
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise _range_error(value, leaf, span)
    return value


def _fitting_float(value: float, raw: object, leaf: Leaf, span: Span | None) -> Value:
    if leaf.dtype == "f32" and np.isfinite(value) and abs(value) > float(np.finfo(np.float32).max):
        raise _range_error(raw, leaf, span)
    return value


def _as_array(raw: object, leaf: Leaf, span: Span | None) -> Array:
    """Anything that is no number and no plain array: lists, DLPack objects, subclasses, `__array__`."""
    if isinstance(raw, np.ndarray):
        if _is_masked(raw):
            hint = f"Fill the masked entries first: `{leaf.path}.filled(0.0)`."
            raise error("E0603", f"`{leaf.path}` is a masked array; its mask would be lost.", span, hint=hint)
        return np.asarray(raw)
    if isinstance(raw, list | tuple):
        return _from_list(raw, leaf, span)
    try:
        if hasattr(raw, "__dlpack__"):
            return np.from_dlpack(raw)  # pyright: ignore[reportArgumentType]
        if hasattr(raw, "__array__"):
            return np.asarray(raw)
    except (BufferError, RuntimeError, TypeError, ValueError) as problem:
        raise _unreadable(raw, leaf, problem, span) from None
    raise _kind_error(leaf, _described(raw), span)


def _is_masked(raw: Array) -> bool:
    """There are no masked arrays before their module is imported, which takes a fifth of the time to start."""
    return "numpy.ma" in sys.modules and isinstance(raw, np.ma.MaskedArray)


def _unreadable(raw: object, leaf: Leaf, problem: Exception, span: Span | None) -> DiffLangError:
    message = f"`{leaf.path}` is {kind_of(raw)} that cannot be read as a NumPy array: {problem}"
    hint = "Give an array in the computer's main memory that does not track gradients of its own."
    return error("E0603", message, span, hint=hint)


def _from_list(raw: list[Any] | tuple[Any, ...], leaf: Leaf, span: Span | None) -> Array:
    """A list of numbers. The numbers take the type that is needed; arrays inside keep theirs."""
    try:
        array = np.asarray(raw)
    except (ValueError, TypeError, OverflowError):
        hint = "Every row of a nested list must have the same length, and every element must be a number."
        raise error("E0603", f"`{leaf.path}` is a list whose rows do not form an array.", span, hint=hint) from None
    wanted = NUMPY_DTYPES[leaf.dtype]
    _require_kind(raw, array, leaf, span)
    if array.size == 0:
        return array.astype(wanted)
    if array.dtype.kind in "iu" and leaf.dtype in ("f64", "f32"):
        return array.astype(wanted)
    if array.dtype == np.float64 and leaf.dtype == "f32":
        return _narrowed(array, leaf, span)
    if array.dtype.kind == "i" and leaf.dtype == "i32":
        if not (np.iinfo(np.int32).min <= array.min() and array.max() <= np.iinfo(np.int32).max):
            raise _range_error(array.flat[np.argmax(np.abs(array))], leaf, span)
        return array.astype(wanted)
    return array


def _require_kind(raw: list[Any] | tuple[Any, ...], array: Array, leaf: Leaf, span: Span | None) -> None:
    """Numbers are no truth values and reals no whole numbers; NumPy would read true among numbers as 1."""
    if not array.size or array.dtype.kind not in "iufb":
        return
    numbers_too = array.dtype.kind != "b"
    if leaf.dtype == "bool" and numbers_too:
        raise _kind_error(leaf, "a list with numbers in it", span)
    if leaf.dtype != "bool" and _holds_truth(raw):
        raise _kind_error(leaf, f"a list of {'numbers and ' if numbers_too else ''}truth values", span)
    if leaf.dtype in ("i64", "i32") and array.dtype.kind == "f":
        raise _kind_error(leaf, "a list of reals", span)


def _holds_truth(raw: list[Any] | tuple[Any, ...]) -> bool:
    """Whether a true or false stands among the numbers, which NumPy would read as 1 or 0."""
    kinds = set(map(type, raw))
    if kinds & {bool, np.bool_}:
        return True
    return not kinds.isdisjoint((list, tuple)) and any(_holds_truth(e) for e in raw if isinstance(e, list | tuple))


def _narrowed(array: Array, leaf: Leaf, span: Span | None) -> Array:
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    lost = np.isfinite(array) & ~np.isfinite(narrow)
    if lost.any():
        raise _range_error(array[lost].flat[0], leaf, span)
    return narrow


def _same_kind(array: Array, dtype: np.dtype[Any], leaf: Leaf, span: Span | None) -> Array:
    """Another byte order (or a key given as unsigned words) is the same numbers; another dtype is an error."""
    if array.dtype.newbyteorder("=") == dtype:
        return array.astype(dtype)
    if leaf.element.surface == "key" and array.dtype == np.uint64:
        return array.view(np.int64) if array.ndim else array.astype(np.int64)
    message = f"`{leaf.path}` must have dtype {dtype} ({leaf_text(leaf)}), but the array has dtype {array.dtype}."
    if array.dtype.kind in "fiub" and dtype.kind in "fiub":
        hint = f'Convert it: `{leaf.path.split(".")[-1]}.astype("{dtype}")`.'
    else:
        hint = f"Give an array of {dtype}."
    if dtype == np.float32 and array.dtype == np.float64:
        hint += ' Or compute in double precision: precision="f64".'
    raise error("E0606", message, span, hint=hint)


def _rank_error(leaf: Leaf, shape: tuple[int, ...], span: Span | None, number: object = None) -> DiffLangError:
    rank = len(leaf.shape)
    wanted = f"an array with {rank} dimension{'s' * (rank != 1)}" if rank else "a single number"
    found = f"the number {number}" if number is not None else f"an array of shape {shape}"
    if rank > len(shape):
        hint = f"Give {wanted}" + (f", such as `{'[' * rank}{number}{']' * rank}`." if number is not None else ".")
    else:
        hint = "Give one element of it, or change the type of the parameter." if rank == 0 else f"Give {wanted}."
    return error("E0604", f"`{leaf.path}` must be {wanted} ({leaf_text(leaf)}), but it is {found}.", span, hint=hint)


def _kind_error(leaf: Leaf, found: str, span: Span | None) -> DiffLangError:
    expected = {"bool": "True or False", "i64": "a whole number", "i32": "a whole number"}.get(leaf.dtype, "a number")
    if leaf.shape:
        kinds: dict[str, str] = {"bool": "truth values", "i64": "whole numbers", "i32": "whole numbers"}
        expected = f"an array of {kinds.get(leaf.dtype, 'numbers')}"
    message = f"`{leaf.path}` must be {expected} ({leaf_text(leaf)}), but it is {found}."
    return error("E0603", message, span, hint=f"Give {expected} for `{leaf.path}`.")


def _range_error(value: object, leaf: Leaf, span: Span | None) -> DiffLangError:
    message = f"`{leaf.path}` is {value}, which does not fit into {leaf.dtype}."
    hint = (
        "Compute in double precision (f64), or scale the number." if leaf.dtype == "f32" else "Give a smaller number."
    )
    return error("E0608", message, span, hint=hint)


def _described(raw: object) -> str:
    if raw is None:
        return "None"
    if isinstance(raw, str):
        return f'the text "{raw}"' if len(raw) < 40 else "a text"
    name = type(raw).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
