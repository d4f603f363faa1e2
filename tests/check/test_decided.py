"""A function means the same whether a call decides its conditions or they are open until it runs."""

from __future__ import annotations

import pytest

import difflang as dl

BODIES = {
    "choice": "x[-1 if b else 0]",
    "beyond": "x[5 if b else 0]",
    "sum": "x[(5 if b else 0) - 7]",
    "power": "2 ** (-1 if b else 1)",
    "tuple": "x[((7, 1.0) if b else (0, 2.0))[0]]",
    "overload": "kind(1 if b else x[0])",
    "types": "7 / 2 // (2 if b else x[0])",
    "branch not there": "1 if b else x[0:9][0]",
}


def outcome(text: str, *arguments: object) -> object:
    """The value of `main`, or the family of the mistake: of an index (E0318, E0801), or of a power (E0305, E0814)."""
    same = {"E0318": "E0801", "E0305": "E0814"}
    try:
        return float(dl.loads(text)["main"].on(backend="reference")(*arguments))
    except dl.DiffLangError as problem:
        return same.get(problem.code, problem.code)


@pytest.mark.parametrize("name", BODIES)
def test_expressions(name):
    kinds = "fn kind(k: int) -> real = 1.0\nfn kind(x: real) -> real = 2.0\n"
    text = f"{kinds}fn f(x: real[n], b: bool) -> real = {BODIES[name]}\n"
    wanted = {"overload": 2.0, "types": 1.0, "branch not there": 1.0, "power": "E0814"}.get(name, "E0801")
    assert outcome(f"{text}fn main(x: real[n], b: bool) -> real = f(x, b)", [1.0, 2.0], True) == wanted
    assert outcome(f"{text}fn main(x: real[n]) -> real = f(x, true)", [1.0, 2.0]) == wanted


@pytest.mark.parametrize("index", [-1, 5])
def test_variables(index):
    text = f"""
fn f(x: real[n], b: bool) -> real:
    var i = 0
    if b:
        i = {index}
    return x[i]
"""
    assert outcome(f"{text}fn main(x: real[n], b: bool) -> real = f(x, b)", [1.0, 2.0], True) == "E0801"
    assert outcome(f"{text}fn main(x: real[n]) -> real = f(x, true)", [1.0, 2.0]) == "E0801"
    assert [d.code for d in dl.loads(f"{text}fn main() -> real = f(ones(2), true)").check()] == []


def test_literals_count_from_the_end():
    text = "const last = -1\nfn main(x: real[n]) -> real:\n    let second = -2\n    return 10 * x[last] + x[second]"
    assert outcome(text, [1.0, 2.0, 3.0]) == 32
