"""The failures of a running program, one constructor each; every backend raises exactly these.

E0801 an index out of range · E0802 an integer division by zero · E0803 a failed `assert` · E0804 a reduction
of nothing · E0805 a matrix that a factorisation or solver cannot take · E0806 a NaN under `--check nan` ·
E0807 memory · E0808 an external function that returned something else · E0809 sizes that differ · E0810 a size
that is no whole number of 0 or more · E0811 an implicit function whose value does not meet its condition (W0811
as a warning) ·
E0812 a memory budget that is too small · E0813 eigenvectors or singular vectors without a derivative ·
E0814 a negative power of an integer · E0815 a range whose bounds are too far apart · E0816 a real that has no place
among the integers.
"""

from __future__ import annotations

from collections.abc import Sequence

from difflang.diagnostics.model import Diagnostic, DiffLangError, Severity, Span, error

HINTS = {
    "E0317": "A range takes a step that is not 0, such as `by 2`, or `by -1` to count down.",
    "E0801": "Indices go from 0 to the size less 1; the bounds of a slice from 0 to the size, the second not below the "
    "first.",
    "E0803": "The condition of the `assert` was false here.",
    "E0804": "Guard the reduction: `max(a) if n > 0 else 0.0`.",
    "E0809": "Give both the same size where the program makes them, or cut one of them to the other's size.",
    "E0810": "Choose sizes for which a division is exact and nothing below 0, for instance by `max(n - k, 0)`.",
    "E0814": "Convert the base to a real: `real(n) ** k`; or guard it: `n ** k if k >= 0 else 0`.",
    "E0815": "Take bounds whose difference is below 2 ** 63; no loop makes more steps.",
    "E0816": "Cut off what is too large, such as `int(clip(x, 0.0, 1.0e6))`; NaN and infinities are none to count "
    "with, and `isfinite(x)` tells them.",
    "E0813": "Differentiate the values alone, or write what is wanted without the vectors (`linalg.sqrtm`, "
    "`linalg.expm`, `linalg.solve`), or add a small matrix that tells the values apart.",
    "E0812": "Give more memory, or leave `memory` out: then each loop stores what serves time best.",
}
"""Hints for the codes that an `assert` equation may carry."""

MATRIX_FAILURES = {
    "cholesky": (
        "the matrix is not positive definite, so it has no Cholesky factor",
        "Add a small multiple of the identity, such as `A + 1.0e-6 * eye(n)`.",
    ),
    "lu": (
        "the matrix is singular, so its LU factors cannot be used",
        "Use `linalg.svd`, or add a small multiple of the identity.",
    ),
    "solve": (
        "the matrix is singular, so the linear system has no unique solution",
        "Check the rows for dependence, or solve the regularised system `A + 1.0e-6 * eye(n)`.",
    ),
    "triangular_solve": (
        "the matrix is singular (its triangle has a zero on the diagonal), so the system has no unique solution",
        "Check the rows for dependence, or solve the regularised system `A + 1.0e-6 * eye(n)`.",
    ),
    "qr": ("the QR factorisation did not succeed", "Check the matrix for NaN or inf with `isfinite`."),
    "eigh": ("the eigenvalue iteration did not converge", "Check the matrix for NaN or inf with `isfinite`."),
    "svd": ("the singular value iteration did not converge", "Check the matrix for NaN or inf with `isfinite`."),
}
"""For each operation of linear algebra: what its failure means, and what to do."""


def index_out_of_range(span: Span | None, index: int, size: int, axis: int = 0, rank: int = 1) -> DiffLangError:
    """E0801: `index` (of dimension `axis`, counted from 0, out of `rank`) is not in 0..size."""
    where = "" if rank == 1 else f" in dimension {axis + 1} of {rank}"
    valid = f"Valid indices are 0 to {size - 1}." if size > 0 else "The array is empty: it has no valid index."
    return error("E0801", f"the index {index} is out of range{where}: the size is {size}", span, hint=valid)


def division_by_zero(span: Span | None) -> DiffLangError:
    """E0802: an integer `//` or `%` whose divisor is 0."""
    hint = "Guard it: `a // b if b != 0 else 0`. Division of reals, `/`, gives inf instead."
    return error("E0802", "an integer is divided by zero", span, hint=hint)


def check_failed(span: Span | None, code: str, message: str) -> DiffLangError:
    """The failure of an `assert` equation, which carries its own code and message (E0803 for the user's own)."""
    told = f"The assertion fails: {message}" if code == "E0803" else message
    return error(code, told, span, hint=HINTS.get(code))


def matrix_failure(span: Span | None, operation: str) -> DiffLangError:
    """E0805: an operation of linear algebra failed; `operation` is the name of the Core operation."""
    message, hint = MATRIX_FAILURES[operation]
    return error("E0805", message, span, hint=hint)


def not_a_number(span: Span | None, operation: str) -> DiffLangError:
    """E0806: under `--check nan`, `operation` made a NaN from arguments that are none."""
    hint = "Look at the arguments: 0/0, inf - inf, the log or root of a negative number all give NaN."
    return error("E0806", f"`{operation}` gives NaN here, from arguments that are numbers", span, hint=hint)


def out_of_memory(span: Span | None, shape: Sequence[int] | None = None) -> DiffLangError:
    """E0807: an array cannot be allocated, or its number of elements overflows."""
    what = "the arrays of this program do not" if shape is None else f"an array of shape {list(shape)} does not"
    hint = "Use smaller sizes, a reduction instead of a stored array, or `checkpoint` for derivatives."
    return error("E0807", f"{what} fit into memory", span, hint=hint)


def residual_too_large(function: str, span: Span | None, quotient: float, severity: Severity) -> Diagnostic:
    """E0811 or W0811: the value that an implicit function returned does not make its condition zero."""
    message = f"The value of `{function}` does not meet its condition: the residual is {quotient:.1e} of its terms."
    hint = "Its derivative follows from the condition: let the solver run further, or correct the condition."
    return Diagnostic("E0811" if severity == "error" else "W0811", message, span, (), hint, severity)


def extern_mismatch(span: Span | None, name: str, expected: str, found: str) -> DiffLangError:
    """E0808: the function bound to `extern fn name` returned values of other types or shapes."""
    hint = f"Make the Python function bound to `{name}` return exactly that."
    return error(
        "E0808", f"the external function `{name}` should return {expected}, but returned {found}", span, hint=hint
    )
