"""`return`, `break` and `continue` anywhere in nested branches and loops: what Python does with the same text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import difflang as dl
from difflang.check import loads
from difflang.core.ir import walk

STEP = 1e-30


def block(draw: Any, depth: int, in_loop: bool, indent: str) -> list[str]:
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        lines += statement(draw, depth, in_loop, indent)
    return lines


def statement(draw: Any, depth: int, in_loop: bool, indent: str) -> list[str]:
    number = f"{draw(st.integers(-20, 20)) / 8!r}"
    kinds = ["assign", "assign", "shadow"] + (["if", "if", "if", "for"] if depth else []) + ["return"]
    kinds += ["break", "continue"] if in_loop else []
    match draw(st.sampled_from(kinds)):
        case "assign":
            return [f"{indent}y = {draw(st.sampled_from(['y * 0.75 + x', 'y + 1.5', 'x * y - 0.5', '-y']))}"]
        case "shadow":
            return [f"{indent}let z# = y * {number}", f"{indent}y = y + z#"]
        case "if":
            return branches(draw, depth, in_loop, indent, number)
        case "for":
            body = block(draw, depth - 1, True, indent + "    ")
            return [f"{indent}for i{depth} in 0..{draw(st.integers(0, 4))}:", *body]
        case "return":
            return [f"{indent}return y + {number}"]
        case word:
            return [f"{indent}{word}"]


def branches(draw: Any, depth: int, in_loop: bool, indent: str, number: str) -> list[str]:
    lines = [f"{indent}if y > {number}:", *block(draw, depth - 1, in_loop, indent + "    ")]
    if draw(st.booleans()):
        lines += [f"{indent}elif x < {number}:", *block(draw, depth - 1, in_loop, indent + "    ")]
    if draw(st.booleans()):
        lines += [f"{indent}else:", *block(draw, depth - 1, in_loop, indent + "    ")]
    return lines


@st.composite
def programs(draw: Any) -> str:
    lines = ["    var y = x", *block(draw, 3, False, "    "), "    return y"]
    return "\n".join(line.replace("#", str(k // 2)) for k, line in enumerate(_aligned(lines)))


def _aligned(lines: list[str]) -> list[str]:
    """Blank lines in front of the pairs of lines that share a name, so that both have the same half number."""
    result: list[str] = []
    for line in lines:
        if "let z#" in line and len(result) % 2:
            result.append("")
        result.append(line)
    return result


class Dual(complex):
    """Numbers compared by their real parts: a complex step goes the way of the real program."""

    def __gt__(self, other: float) -> bool:
        return self.real > other

    def __lt__(self, other: float) -> bool:
        return self.real < other

    def __mul__(self, other: complex) -> Dual:
        return Dual(complex.__mul__(self, other))

    def __add__(self, other: complex) -> Dual:
        return Dual(complex.__add__(self, other))

    def __sub__(self, other: complex) -> Dual:
        return Dual(complex.__sub__(self, other))

    def __neg__(self) -> Dual:
        return Dual(complex.__neg__(self))


def by_python(body: str, x: float) -> complex:
    """The value, and the derivative as imaginary part."""
    text = body.replace("let ", "").replace("var ", "").replace(" 0..", " range(")
    lines = [line.replace(":", "):") if " range(" in line else line for line in text.splitlines()]
    space: dict[str, Any] = {}
    exec("def f(x):\n" + "\n".join(lines), space)
    found = complex(space["f"](Dual(x, STEP)))
    return complex(found.real, found.imag / STEP)


def compare(backend: str, body: str, x: float) -> None:
    function = dl.loads(f"fn f(x: real) -> real:\n{body}\n").f.on(backend=backend)
    expected = by_python(body, x)
    assert function(x) == pytest.approx(expected.real, rel=1e-12, abs=1e-12)
    assert dl.grad(function)(x) == pytest.approx(expected.imag, rel=1e-12, abs=1e-12)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=programs(), x=st.sampled_from([-1.3, 0.2, 2.6]))
def test_every_way_through_is_pythons(body, x):
    compare("reference", body, x)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=programs(), x=st.sampled_from([-1.3, 0.2, 2.6]))
def test_every_way_through_is_pythons_in_native_code(body, x):
    compare("llvm", body, x)


def test_chains_of_exits_grow_linearly():
    """Both branches go on: code behind them stands once, not once for each way."""

    def operations(count: int) -> int:
        steps = "".join(
            f"    if y > {k}.0:\n        if y > {k}.5:\n            return y\n        y = y * 2\n"
            f"    else:\n        y = y + 1\n"
            for k in range(count)
        )
        text = f"fn main(x: real) -> real:\n    var y = x\n{steps}    return y\n"
        return sum(1 for _ in walk(loads(text).lower("main").func.block))

    assert operations(24) < 2.5 * operations(12)
