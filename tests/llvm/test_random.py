"""Random well-typed programs: compiled code and the interpreter over NumPy agree."""

from __future__ import annotations

import numpy as np
import pytest
from difflang_reference.backend import ReferenceBackend
from hypothesis import given, settings

from difflang.core.ir import Func
from tests.core.generators import arguments, functions
from tests.llvm.running import UNCACHED, Recorder, run


@pytest.mark.parametrize("size", [1, 4])
@settings(max_examples=25, deadline=None)
@given(functions())
def test_compiled_programs_agree_with_the_reference(size: int, func: Func) -> None:
    args = arguments(func, size)
    expected = ReferenceBackend().compile(func, UNCACHED)(args, Recorder())
    for found, wanted in zip(run(func, *args), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)
