"""A directory with programs, and a way to run command lines in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """\
## A file with one of each.
struct Line: slope: real; offset: real

fn main(width: real, height: real = 2.0) -> real = width * height
fn total(x: real[n]) -> real = sum(x)
fn dots(x: real[n], y: real[n]) -> real = dot(x, y)
fn table(a: real[n, 3]) -> real = sum(a)
fn double(k: int) -> int = 2 * k
fn both(x: real, flag: bool) -> (real, bool) = (2 * x, not flag)
fn at(x: real[n], i: int) -> real = x[i]
fn shift(line: Line, x: real) -> Line = Line(slope = line.slope, offset = line.offset + x)
fn root(x: real) -> real = sqrt(x)
fn checked(x: real) -> real:
    assert x > 0, "x must be positive"
    return log(x)
fn loud(n: int) -> int:
    for i in 0..n:
        report(step = i, half = 0.5 * i)
    print("done", n)
    return n
fn slow() -> real:
    var x = 0.5
    for i in 0..4000000000:
        x = 3.7 * x * (1 - x)
    return x

test "doubling":
    assert double(2) == 4
"""
WRONG = "fn f(x: real[n], y: real[m]) -> real[n] = x + y\n"
BROKEN = "fn f(x: real -> real = x\n"
FAILING = 'test "good":\n    assert 1 < 2\ntest "bad":\n    assert 2 < 1, "two is more"\n'
DATA = 'data x: real[n] = load("none.csv")\nfn main() -> real = sum(x)\n'


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    texts = {
        "one.dl": PROGRAM,
        "wrong.dl": WRONG,
        "broken.dl": BROKEN,
        "failing.dl": FAILING,
        "data.dl": DATA,
        "unbound.dl": "fn main(a: real[n*(n+1)/2]) -> real = sum(a)\n",
        "ragged.csv": "1,2\n3\n",
        "words.csv": "a\n1\ntwo\n",
        "empty.csv": "",
        "table.csv": "1,2,3\n4,5,6\n",
        "broken.json": '{"value": [1, 2,}',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def difflang(folder, capfd):
    """`difflang("run one.dl width=3")` in this process."""

    def run(line: str) -> Ran:
        from difflang.cli.app import execute

        capfd.readouterr()
        status = execute(line.split())
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Ran(status, out, err)

    return run
