"""Programs elaborated, verified, and run by the reference interpreter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import difflang as dl
from difflang.check import loads
from difflang.core.verifier import verify
from difflang.diagnostics.model import DiffLangError

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run(text, expression, *args)`: the value of a function expression; the Core it gives is verified on the way."""

    def call(text: str, expression: str, *args: Any, **named: Any) -> Any:
        verify(loads(text, directory=tmp_path).lower(expression).func)
        module = dl.loads(text, directory=tmp_path)
        name, *operators = reversed(expression.removesuffix(")" * expression.count("(")).split("("))
        function = module[name].on(backend="reference")
        for operator in operators:
            function = getattr(dl, operator)(function)
        return function(*args, **named)

    return call


def refusal(text: str, expression: str = "main") -> DiffLangError:
    """The error that compiling an expression of a program raises."""
    with pytest.raises(DiffLangError) as caught:
        loads(text).lower(expression)
    return caught.value
