"""Files of data: .npy .npz .csv .json in, .npz .json .npy out.

A file has no declared type, so numbers are converted to the type of the program where nothing is lost:
whole numbers to reals, reals to the working precision. Everything that cannot be read is an E07xx.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from difflang.diagnostics import Diagnostic, DiffLangError, Label, Span, error
from difflang.diagnostics.suggest import did_you_mean, listing, nearest
from difflang.runtime.arrays import NUMPY_DTYPES, Array
from difflang.runtime.types import Leaf, leaf_text, leaves, type_text
from difflang.signature import SparseType, StructType, TupleType, ValueType

READABLE = (".npy", ".npz", ".csv", ".json")
WRITABLE = (".npz", ".json", ".npy")


def load(path: str | Path, type_: ValueType, name: str, span: Span | None = None) -> Any:
    """The value in a file as an argument of the given type.

    `name` is the parameter or data item, `span` its place. Raises E0701 to E0709.
    """
    path = Path(path)
    readers: dict[str, Callable[[], Any]] = {
        ".npy": lambda: _read_numpy(path, span),
        ".npz": lambda: _read_archive(path, span),
        ".csv": lambda: _read_csv(path, leaves(type_, name)[0], span),
        ".json": lambda: _read_json(path, span),
    }
    _require_readable(path, name, span)
    if path.suffix.lower() == ".csv" and isinstance(type_, StructType | TupleType | SparseType):
        message = f"A .csv file holds one array, but `{name}` is a {type_text(type_)}."
        raise error("E0702", message, span, hint="Write a .npz or .json file with one entry for each field.")
    try:
        raw = readers[path.suffix.lower()]()
    except MemoryError:
        raise error("E0701", f"`{path}` does not fit into memory.", span, hint="Give a smaller file.") from None
    return _conform(raw, type_, name, path, span)


def _require_readable(path: Path, name: str, span: Span | None) -> None:
    if path.suffix.lower() not in READABLE:
        what = f"`{path.suffix}`" if path.suffix else "without an ending"
        message = f"`{path}` is a file {what}, which cannot be read."
        raise error("E0702", message, span, hint=f"Readable endings: {', '.join(READABLE)}.")
    if path.is_dir():
        raise error("E0701", f"`{path}` is a directory.", span, hint=f"Name a file for `{name}`.")
    if not path.exists():
        raise error("E0701", f"There is no file `{path}` for `{name}`.", span, hint=_near_file(path))
    if not os.access(path, os.R_OK):
        hint = "Check the permissions of the file."
        raise error("E0701", f"The file `{path}` for `{name}` may not be read.", span, hint=hint)


def unreadable(path: Path, name: str, span: Span | None) -> Diagnostic | None:
    """What a run would say of a file before it reads it. That it is not there is a warning, as it may still come."""
    try:
        _require_readable(path, name, span)
    except DiffLangError as problem:
        found = problem.diagnostic
        return replace(found, code="W0701", severity="warning") if found.code == "E0701" else found
    return None


def _near_file(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"The directory `{folder}` does not exist either."
    names = [entry.name for entry in folder.iterdir() if entry.suffix.lower() in READABLE]
    return did_you_mean(path.name, names, "The path of a data item is relative to its program.") or ""


def _read_numpy(path: Path, span: Span | None) -> Any:
    try:
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as problem:
        raise _corrupt(path, problem, span) from None


def _read_archive(path: Path, span: Span | None) -> Any:
    """The arrays of an .npz; dots in their names make nested structs. SciPy's sparse matrices become dense ones."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if {"format", "shape", "data"} <= set(archive.files) and archive["format"].dtype.kind in "SU":
                from scipy import sparse

                return sparse.load_npz(path).toarray()
            return _nested({key: archive[key] for key in archive.files})
    except MemoryError:
        raise
    except Exception as problem:  # zipfile, zlib and numpy each have errors of their own for a broken archive
        raise _corrupt(path, problem, span) from None


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *folders, last = key.split(".")
        node = tree
        for folder in folders:
            inner = node.setdefault(folder, {})
            node = inner if isinstance(inner, dict) else node
        node[last] = value
    return tree


def _read_csv(path: Path, leaf: Leaf, span: Span | None) -> Any:
    from difflang.runtime.csv import read_csv

    return read_csv(path, leaf, span)


def _read_json(path: Path, span: Span | None) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as problem:
        place = Span(str(path), problem.lineno, problem.colno, problem.lineno, problem.colno + 1)
        labels = [Label(span, "it is read here")] if span else []
        hint = "Mend the JSON at this place."
        raise error("E0707", f"`{path}` is no JSON: {problem.msg}.", place, *labels, hint=hint) from None
    except (UnicodeDecodeError, RecursionError) as problem:
        raise _corrupt(path, problem, span) from None


def _corrupt(path: Path, problem: Exception, span: Span | None) -> DiffLangError:
    if "object arrays" in str(problem).lower():
        message = f"`{path}` holds Python objects, which are not read (they could run code)."
        return error("E0708", message, span, hint="Save it again as a plain numeric array.")
    message = f"`{path}` is damaged or no {path.suffix} file: {problem or type(problem).__name__}."
    return error("E0707", message, span, hint="Write the file again.")


def _conform(raw: Any, type_: ValueType, name: str, path: Path, span: Span | None) -> Any:
    """What was read, with every leaf converted to the dtype of the program."""
    if isinstance(type_, StructType):
        fields = _entries(raw, [field for field, _ in type_.fields], name, path, span)
        return {field: _conform(fields[field], kind, f"{name}.{field}", path, span) for field, kind in type_.fields}
    if isinstance(type_, TupleType):
        keys = [str(k) for k in range(len(type_.elements))]
        parts = dict(zip(keys, raw, strict=False)) if isinstance(raw, list) else raw
        entries = _entries(parts, keys, name, path, span)
        return tuple(
            _conform(entries[key], kind, f"{name}[{key}]", path, span)
            for key, kind in zip(keys, type_.elements, strict=True)
        )
    if isinstance(type_, SparseType):
        hint = "Load the matrix in Python and pass it as a scipy.sparse array."
        raise error("E0702", f"Sparse matrices are not read from files (`{name}`).", span, hint=hint)
    if isinstance(raw, dict):
        raw = _single(raw, name, path, span)
    return converted(raw, leaves(type_, name)[0], path, span)


def _entries(raw: Any, keys: list[str], name: str, path: Path, span: Span | None) -> Mapping[str, Any]:
    if isinstance(raw, dict) and all(key in raw for key in keys):
        return raw
    found = listing(raw) if isinstance(raw, dict) else "a plain array or list"
    message = f"`{path}` must have the entries {listing(keys)} for `{name}`, but it has {found}."
    raise error("E0709", message, span, hint=_entry_hint(raw, keys))


def _entry_hint(raw: Any, keys: list[str]) -> str:
    lacking = [key for key in keys if not (isinstance(raw, dict) and key in raw)]
    near = nearest(lacking[0], list(raw), 1) if isinstance(raw, dict) else []
    return f"Add {listing(lacking)}" + (f" (is `{near[0]}` meant?)." if near else ".")


def _single(raw: Mapping[str, Any], name: str, path: Path, span: Span | None) -> Any:
    """The one array of an archive for a parameter: named like it, `value`, or the only one."""
    for key in (name.split(".")[-1], "value"):
        if key in raw:
            return raw[key]
    if len(raw) == 1:
        return next(iter(raw.values()))
    message = f"`{path}` has several entries, {listing(raw)}, and none is called `{name}`."
    raise error("E0709", message, span, hint=f"Name one of the entries `{name}`, or `value`.")


def converted(raw: Any, leaf: Leaf, path: Path, span: Span | None) -> Any:
    """An array from a file with the dtype of a leaf. Raises E0706 (rank), E0708 (numbers would be lost)."""
    try:
        array = np.asarray(raw)
    except (ValueError, TypeError, OverflowError):
        message = f"The rows for `{leaf.path}` in `{path}` have different lengths."
        raise error("E0703", message, span, hint="Every row must have the same length.") from None
    if array.ndim != len(leaf.shape):
        message = f"`{leaf.path}` is {leaf_text(leaf)}, but `{path}` holds an array of shape {array.shape}."
        hint = f"The array must have {len(leaf.shape)} dimension{'s' * (len(leaf.shape) != 1)}."
        raise error("E0706", message, span, hint=hint)
    if array.size == 0 and array.dtype == np.float64:
        return array.astype(NUMPY_DTYPES[leaf.dtype])
    return _lossless(array, leaf, path, span)


def _lossless(array: Array, leaf: Leaf, path: Path, span: Span | None) -> Any:
    target = NUMPY_DTYPES[leaf.dtype]
    allowed = {"f": "fiu", "i": "iu", "b": "b"}[target.kind]
    with np.errstate(over="ignore", invalid="ignore"):
        result = array.astype(target) if array.dtype.kind in allowed else None
    if result is None or (target.kind == "i" and not np.array_equal(result, array)):
        message = f"`{leaf.path}` is {leaf_text(leaf)}, but `{path}` holds {array.dtype} values that do not fit it."
        raise error("E0708", message, span, hint=f"Save the values as {target}.")
    if target.kind == "f" and array.dtype.kind == "f" and np.isinf(result).sum() != np.isinf(array).sum():
        message = f"`{path}` holds numbers for `{leaf.path}` that are too large for {leaf.dtype}."
        raise error("E0708", message, span, hint='Compute with precision "f64".')
    return result if leaf.shape else result.item()


def save(path: str | Path, value: Any) -> None:
    """Writes a result: the fields of a struct, `0`, `1`, ... of a tuple, or `value`. Raises E0710, E0711.

    A sparse matrix alone is written to an .npz as `scipy.sparse.save_npz` does, one among other parts by its entries.
    """
    path = Path(path)
    require_writable(path)
    try:
        if path.suffix.lower() == ".json":
            path.write_text(json.dumps(plain(_by_key(value)), indent=2) + "\n", encoding="utf-8")
        elif path.suffix.lower() == ".npy":
            np.save(path, _one_array(value))
        elif hasattr(value, "tocoo"):
            from scipy import sparse

            with path.open("wb") as file:
                sparse.save_npz(file, value)
        else:
            with path.open("wb") as file:
                np.savez(file, **dict(_flat_entries(_by_key(value), "")))
    except OSError as problem:
        hint = "Check that the directory exists and may be written."
        raise error("E0710", f"`{path}` cannot be written: {problem.strerror or problem}.", hint=hint) from None


def require_writable(path: Path) -> None:
    """Raises E0711 for an ending that no writer knows, E0710 without a directory: before the long computation."""
    if path.suffix.lower() not in WRITABLE:
        message = f"`{path}` has an ending that cannot be written."
        raise error("E0711", message, hint=f"Use one of {', '.join(WRITABLE)}.")
    require_directory(path)


def require_directory(path: Path) -> None:
    """Raises E0710 where the directory of a file to be written does not exist or is closed."""
    folder = path.parent
    if not folder.is_dir():
        raise error("E0710", f"`{path}` cannot be written: there is no directory `{folder}`.", hint="Make it first.")
    if not os.access(folder, os.W_OK):
        hint = "Choose another directory."
        raise error("E0710", f"`{path}` cannot be written: `{folder}` is closed for writing.", hint=hint)


def _one_array(value: Any) -> Any:
    if isinstance(value, dict | tuple) or hasattr(value, "tocoo"):
        parts = "is a sparse matrix" if hasattr(value, "tocoo") else "has several parts"
        raise error("E0711", f"A .npy file holds one array, but the result {parts}.", hint="Use .npz or .json.")
    return value


def _by_key(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, tuple):
        return {str(k): part for k, part in enumerate(value)}
    return {"value": value}


def _flat_entries(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict | tuple):
            yield from _flat_entries(_by_key(value), f"{prefix}{key}.")
        elif hasattr(value, "tocoo"):
            yield from _flat_entries(_sparse_entries(value), f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _sparse_entries(matrix: Any) -> dict[str, Any]:
    entries = matrix.tocoo()
    return {"rows": entries.row, "cols": entries.col, "values": entries.data, "shape": np.array(matrix.shape)}


def plain(value: Any) -> Any:
    """A result as what JSON can hold: numbers, lists and objects."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if hasattr(value, "tocoo"):
        return plain(_sparse_entries(value))
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
