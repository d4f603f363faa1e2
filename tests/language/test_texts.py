"""What a program prints and what its failures say: the user's text stays as it is, values stand in their places."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl
from difflang.backend.conformance import cases
from difflang.backend.protocol import CompileOptions
from difflang.backend.registry import get
from difflang.core.parser import parse_func
from difflang.runtime.host import RunHost

PROGRAM = """
fn shown(x: real[n]) -> real:
    print("{0} {x} {{1}} 100 %", x, n)
    assert n > 4, "{0} are too few {1"
    return sum(x)
"""


@pytest.mark.parametrize("backend", ["reference", "llvm", "c"])
def test_braces_of_the_user_are_braces(backend, capsys):
    with pytest.raises(dl.DiffLangError) as failure:
        dl.loads(PROGRAM).shown.on(backend=backend)(np.ones(3))
    assert capsys.readouterr().out == "{0} {x} {{1}} 100 % [1., 1., 1.] 3\n"
    assert failure.value.diagnostic.message == "The assertion fails: {0} are too few {1."


@pytest.mark.parametrize("backend", ["reference", "llvm", "c"])
def test_a_failure_shows_arrays(backend):
    (case,) = [case for case in cases() if case.name == "assert-shows-array"]
    executable = get(backend).compile(parse_func(case.text), CompileOptions())
    with pytest.raises(dl.DiffLangError) as failure:
        executable([4, np.array([1.5, 2.0, 0.0, -1.0])], RunHost())
    assert failure.value.diagnostic.message == "The assertion fails: [ 1.5,  2. ,  0. , -1. ] has 4 elements."
