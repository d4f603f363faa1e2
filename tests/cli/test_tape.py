"""`difflang emit --stage tape`: what loops store, as text and in numbers that closed forms give."""

from __future__ import annotations

import re

import pytest

PROGRAM = """\
struct Ball: position: real[2]; speed: real

fn wave(x0: real[n], steps: int, rate: real = 0.1) -> real:
    var x = x0
    for t in 0..steps:
        x = sin(rate * flip(x))
    return sum(x)

fn settle(a: real) -> real:
    var w = 1.0
    while abs(w * w - a) > 1e-12:
        w = 0.5 * (w + a / w)
    return w

fn elements(x0: real[n]) -> real:
    var x = x0
    for i in 1..n:
        x[i] = x[i] * x[i - 1]
    return x[n - 1]

fn throw(start: Ball, steps: int) -> real:
    var ball = start
    for t in 0..steps:
        ball.position = sin(ball.speed * ball.position)
        ball.speed = cos(ball.speed)
    return ball.position[0]

fn triangle(x: real, n: int) -> real:
    var y = x
    for i in 0..n:
        for j in 0..i:
            y = sin(y) * y + x
    return y

fn linear(x: real, n: int) -> real:
    var y = x
    for i in 0..n:
        y = 0.5 * y
    return y
"""
CASES = [
    "-f wave",
    "-f wave x0=[1,2,3] steps=50",
    "-f settle a=2",
    "-f elements x0=[1,2,3,4]",
    "-f throw start.position=[1,2] start.speed=0.5 steps=10",
    "-f triangle n=5 x=1",
    "-f linear",
    "-f wave --of vjp --wrt x0,rate",
    '-f grad(wave,memory="64MB") x0=[1,2,3] steps=10000',
    '-f grad(settle,memory="1kB")',
]


@pytest.fixture
def tape(difflang, folder):
    (folder / "loops.dl").write_text(PROGRAM, encoding="utf-8")
    return lambda arguments: difflang(f"emit loops.dl --stage tape {arguments}")


@pytest.mark.parametrize("arguments", CASES)
def test_texts(tape, snapshot, arguments):
    ran = tape(arguments)
    assert ran.status == 0, ran.err
    assert ran.out == snapshot


@pytest.mark.parametrize(("n", "steps"), [(1, 1), (3, 50), (7, 0)])
def test_the_total_is_the_size_of_all_states(tape, n, steps):
    out = tape(f"-f wave x0={[1.0] * n} steps={steps}".replace(", ", ",")).out
    assert f"total: 8 * steps * n = {8 * n * steps:,} bytes" in out


def test_an_unknown_count_is_counted(tape):
    """Newton's method for the root of 2 from 1 takes five steps, as each doubles the digits."""
    assert "8 * iterations = 40 bytes" in tape("-f settle a=2").out


@pytest.mark.parametrize("budget", [200, 2000, 20_000])
def test_a_budget_bounds_the_total(tape, budget):
    out = tape(f"-f grad(wave,memory={budget}) x0=[1,2,3] steps=400").out
    match = re.search(r"total: .* = ([\d,]+) bytes", out)
    assert match is not None
    assert 0 < int(match[1].replace(",", "")) <= budget


def test_arguments_belong_to_this_stage(difflang):
    assert difflang("emit one.dl -f total --stage core x=[1]").status == 2
    assert "has no parameter `y`" in difflang("emit one.dl -f total --stage tape y=[1]").err
