"""Comma-separated numbers. NumPy's reader does the work; a slow second look finds the place of a mistake."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from difflang.diagnostics import DiffLangError, Label, Span, error
from difflang.runtime.arrays import Array
from difflang.runtime.types import Leaf, leaf_text


def read_csv(path: Path, leaf: Leaf, span: Span | None) -> Array:
    """The numbers of a file as an array of the rank of `leaf` (a column or a row serves as a vector).

    Comment lines (`#`) and one line of names at the top are skipped. Raises E0703 (ragged), E0704 (no
    number), E0705 (empty), E0706 (rank), each at its line and column in the file.
    """
    text = _read_text(path, span)
    lines = text.splitlines()
    start = _first_data_line(lines)
    if start == len(lines):
        message = f"`{path}` holds no numbers for `{leaf.path}`."
        raise error("E0705", message, span, hint="Write one row of numbers a line, separated by commas.")
    delimiter = next((mark for mark in ",;\t" if mark in lines[start]), ",")
    try:
        whole = leaf.dtype in ("i64", "i32")
        table = np.loadtxt(
            io.StringIO("\n".join(lines[start:])),
            dtype=np.int64 if whole else np.float64,
            delimiter=delimiter,
            comments=None,
            quotechar='"',
            ndmin=2,
        )
    except (ValueError, OverflowError):
        table = _slow_table(lines, start, delimiter, path, leaf, span)
    if table.dtype.kind == "f" and np.isinf(table).any():
        table = _slow_table(lines, start, delimiter, path, leaf, span)
    return _of_rank(table, path, leaf, span)


def _read_text(path: Path, span: Span | None) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        hint = "Save it as UTF-8 text."
        raise error("E0707", f"`{path}` is no text file in UTF-8.", span, hint=hint) from None


def _first_data_line(lines: list[str]) -> int:
    """The position of the first line of numbers: blank lines, comments and one header line come before it."""
    header_seen = False
    for position, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if header_seen or not _is_header(line):
            return position
        header_seen = True
    return len(lines)


def _is_header(line: str) -> bool:
    """Whether no cell of a line is a number (a line with some numbers is data with a mistake in it)."""
    delimiter = next((mark for mark in ",;\t" if mark in line), ",")
    return not any(_number(cell) is not None for cell in line.split(delimiter))


def _number(cell: str) -> float | None:
    cell = cell.strip().strip('"')
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _slow_table(lines: list[str], start: int, delimiter: str, path: Path, leaf: Leaf, span: Span | None) -> Array:
    """Reads cell by cell, so that the first mistake can be shown at its place."""
    rows: list[list[float]] = []
    for number, line in enumerate(lines[start:], start + 1):
        if not line.strip():
            continue
        cells = list(_cells(line, delimiter))
        rows.append([_checked(cell, column, number, path, leaf, span) for column, cell in cells])
        if len(rows[-1]) != len(rows[0]):
            place = Span(str(path), number, 1, number, len(line) + 1)
            first = len(rows[0])
            message = (
                f"Line {number} of `{path}` has {len(rows[-1])} values, but the first line of numbers has {first}."
            )
            raise _placed("E0703", message, place, leaf, span, f"Every line must have {first} values.")
    return np.array(rows, dtype=np.float64)


def _cells(line: str, delimiter: str) -> Iterator[tuple[int, str]]:
    """The cells of a line with their columns, counted from 1."""
    column = 1
    for cell in line.split(delimiter):
        yield column, cell
        column += len(cell) + 1


def _checked(cell: str, column: int, line: int, path: Path, leaf: Leaf, span: Span | None) -> float:
    value = _number(cell)
    place = Span(str(path), line, column, line, column + max(len(cell), 1))
    if value is None:
        what = f"`{cell.strip()}` is no number" if cell.strip() else "this value is empty"
        hint = "Write a number; a missing value can be written as nan."
        message = f"{what[0].upper()}{what[1:]} (line {line} of `{path}`)."
        raise _placed("E0704", message, place, leaf, span, hint)
    if np.isinf(value) and "inf" not in cell.lower():
        message = f"`{cell.strip()}` is too large for a double-precision number (line {line} of `{path}`)."
        raise _placed("E0704", message, place, leaf, span, "Scale the data, or write inf if infinity is meant.")
    if leaf.dtype in ("i64", "i32") and not (np.isfinite(value) and value == int(value) and abs(value) <= 2**53):
        message = f"`{cell.strip()}` is no whole number that fits (line {line} of `{path}`)."
        raise _placed("E0704", message, place, leaf, span, f"`{leaf.path}` is {leaf_text(leaf)}: write whole numbers.")
    return value


def _placed(code: str, message: str, place: Span, leaf: Leaf, span: Span | None, hint: str) -> DiffLangError:
    labels = [Label(span, f"`{leaf.path}` is read here")] if span else []
    return error(code, message, place, *labels, hint=hint)


def _of_rank(table: Array, path: Path, leaf: Leaf, span: Span | None) -> Array:
    rank = len(leaf.shape)
    if leaf.dtype == "bool" and np.isin(table, (0, 1)).all():
        table = table.astype(np.bool_)
    elif leaf.dtype in ("i64", "i32"):
        table = table.astype(np.int64)
    if rank == 2:
        return table
    if rank == 1 and 1 in table.shape:
        return table.reshape(-1)
    if rank == 0 and table.size == 1:
        return table.reshape(())
    rows, columns = table.shape
    message = f"`{leaf.path}` is {leaf_text(leaf)}, but `{path}` has {rows} rows of {columns} values."
    hint = f"Declare it as a table: `{leaf.path}: {leaf.element.surface}[n, d]`."
    raise error("E0706", message, span, hint=hint)
