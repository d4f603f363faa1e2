"""The tables of coefficients are those that the script derives, and their fits are as good as they must be."""

from __future__ import annotations

import pytest
from difflang_llvm.math import coefficients as tables

from benchmarks.elementary_coefficients import FITS, Fit, coefficients, error


@pytest.mark.parametrize("fit", FITS, ids=lambda fit: fit.name)
def test_a_table_is_what_the_script_derives(fit: Fit) -> None:
    table = coefficients(fit)
    assert list(getattr(tables, fit.name)) == table
    assert error(fit, table) < (2.0**-18 if fit.name == "CBRT" else 2.0**-25 if fit.single else 2.0**-53)
