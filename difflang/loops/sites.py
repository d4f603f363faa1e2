"""From the site of a failure to the diagnostic, for the runtime of every backend."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.diagnostics.model import DiffLangError
from difflang.loops.ir import Site
from difflang.runtime import failures
from difflang.runtime.text import fill


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
