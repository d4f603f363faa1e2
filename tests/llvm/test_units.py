"""What is linked with a program: the forms of functions that it calls, and memory where it takes some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from difflang_llvm import cache, units
from difflang_llvm.compiler import compiled_function
from scipy.special import gammaln

import difflang as dl
from difflang.backend.protocol import CompileOptions
from difflang.core.parser import parse_func
from tests.llvm.running import UNCACHED, run
from tests.loops.test_work import SUMS

GAMMAS = SUMS.replace("exp", "lgamma")
SCALAR = """func f(x: f64) {
  y: f64 = mul x x
  yield y
}"""


def test_loops_that_hardly_matter_take_the_function_for_one_number() -> None:
    compiled = compiled_function(parse_func(GAMMAS), CompileOptions())
    assert compiled.units == (("lgamma", "f64", 1),)


def test_minor_loops_compute_the_same() -> None:
    x, a = np.linspace(0.5, 3.0, 5), np.arange(40.0).reshape(5, 2, 2, 2)
    (y,) = run(parse_func(GAMMAS), 5, 2, x, a)
    np.testing.assert_allclose(y, gammaln(x).sum() * a.sum((1, 2, 3)), rtol=1e-13)


def test_memory_is_linked_where_it_is_taken() -> None:
    assert compiled_function(parse_func(SCALAR), UNCACHED).symbols == ()
    module = dl.loads("fn f(x: real[n]) -> real[n] = cumsum(sort(x))")
    np.testing.assert_array_equal(module.f(np.array([3.0, 1.0, 2.0])), [1.0, 3.0, 6.0])


def test_the_functions_for_memory_are_kept_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIFFLANG_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(units, "_linked", {})
    units.runtime_library(use_cache=False)
    assert cache.info().files == 0
    monkeypatch.setattr(units, "_linked", {})
    units.runtime_library()
    assert cache.info().files == 1
