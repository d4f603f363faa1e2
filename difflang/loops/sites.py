"""What a running program reports: the places that fail, the calls of the host. Kept beside the compiled code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from typing import Literal as Choice

from difflang.diagnostics.model import DiffLangError, Span
from difflang.runtime import failures
from difflang.runtime.text import fill

if TYPE_CHECKING:
    from difflang.core.ir import DType


@dataclass(frozen=True, slots=True)
class Site:
    """What a failing `Check` or `Kernel` reports; `failure` makes the diagnostic.

    `index`: values (index, size) of dimension `axis` of an array of `rank`; `zero`: an integer divided by zero;
    `assert`: `code` and `message`, in which `{0}` stands for the first value; `matrix` and `nan`: the `operation`.
    """

    kind: Choice["index", "zero", "assert", "matrix", "nan"]
    span: Span | None = None
    operation: str = ""
    code: str = ""
    message: str = ""
    axis: int = 0
    rank: int = 1


@dataclass(frozen=True, slots=True)
class HostSite:
    """A call of the host: `print` has the template as text, `extern` the function's name, `report` its `names`.

    `refuse` ends the program with a failure of this `code`, whose message, the text, shows arrays.
    """

    kind: Choice["print", "report", "extern", "refuse"]
    text: str = ""
    names: tuple[str, ...] = ()
    span: Span | None = None
    code: str = ""


def refusal(site: HostSite, values: Sequence[Any]) -> DiffLangError:
    """The error to raise at a `refuse` site."""
    return failures.check_failed(site.span, site.code, fill(site.text, values))


@dataclass(frozen=True, slots=True)
class HostRecord:
    """One `HostCall`: its site, its arguments and outputs as (type, rank); rank None is a scalar."""

    site: int
    args: tuple[tuple[DType, int | None], ...]
    outs: tuple[tuple[DType, int | None], ...]


def failure(site: Site, values: Sequence[int | float | bool]) -> DiffLangError:
    """The error to raise when the check at `site` failed with these values."""
    match site.kind:
        case "index":
            index, size = values
            return failures.index_out_of_range(site.span, int(index), int(size), site.axis, site.rank)
        case "zero":
            return failures.division_by_zero(site.span)
        case "assert":
            return failures.check_failed(site.span, site.code, fill(site.message, values))
        case "matrix":
            return failures.matrix_failure(site.span, site.operation)
        case "nan":
            return failures.not_a_number(site.span, site.operation)
