"""Programs as users write them, run through the Python API on every built-in backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import difflang as dl

Run = Callable[..., Any]


@pytest.fixture(params=["reference", "llvm"])
def run(request: pytest.FixtureRequest) -> Run:
    """`run(text, expression, *args)` evaluates a function expression of a module, such as "f" or "grad(f)"."""

    def call(text: str, expression: str, *args: Any, **named: Any) -> Any:
        module = dl.loads(text)
        function = module
        name, *operators = _parts(expression)
        function = getattr(module, name)
        for operator, options in operators:
            function = getattr(dl, operator)(function, **options)
        return function.on(backend=request.param)(*args, **named)

    call.backend = request.param
    return call


def _parts(expression: str) -> list[Any]:
    """`grad(jvp(f))` is ["f", ("jvp", {}), ("grad", {})]; options are written `grad[wrt=x](f)`."""
    operators: list[Any] = []
    while "(" in expression:
        head, expression = expression[: expression.index("(")], expression[expression.index("(") + 1 : -1]
        name, _, options = head.partition("[")
        pairs = (pair.split("=") for pair in options.rstrip("]").split(";") if pair)
        operators.append((name, {key: _option(value) for key, value in pairs}))
    return [expression, *reversed(operators)]


def _option(text: str) -> Any:
    if text.isdigit():
        return int(text)
    return tuple(text.split("+")) if "+" in text else text
