"""Which additions are known never to meet in different iterations of a loop."""

from __future__ import annotations

import pytest

from difflang.backend.protocol import CompileOptions
from difflang.core.parser import parse_func
from difflang.loops import ir
from difflang.loops import schedule as schedule_module
from difflang.loops.bodies import walk
from difflang.loops.schedule import PASSES, schedule
from difflang.loops.strip import Strip


@pytest.fixture(autouse=True)
def loops_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pass that takes several turns of a loop together."""
    monkeypatch.setattr(schedule_module, "PASSES", tuple(p for p in PASSES if not isinstance(p, Strip)))


def apart(*lines: str) -> list[list[str]]:
    """For each addition in a loop nest over i and j, the loops in which it is apart from all others."""
    body = "\n".join(lines)
    text = f"""
        func f(n: i64, m: i64, o: i64, x: f64[n, m], y: f64[n, m], p: i64[n]) {{
          z: f64[n, m], w: f64[n, m] = accum x y {{ r: &f64[n, m], q: &f64[n, m]
            build n {{ i: i64
              u: i64 = get p i
              build m {{ j: i64
                k: i64 = add j 1
                l: i64 = add k o
                h: i64 = mul i 2
                g: i64 = add i j
                {body}
                yield
              }}
              yield
            }}
            yield
          }}
          yield z, w
        }}
        """
    program = schedule(parse_func(text), CompileOptions())
    found = [s for s in walk(program.body) if isinstance(s, ir.Accumulate)]
    return [sorted({"n": "i", "m": "j"}[index_extent(program, register)] for register in s.apart) for s in found]


def index_extent(program: ir.Program, index: ir.Register) -> str:
    loops = [s for s in walk(program.body) if isinstance(s, ir.For) and s.index is index]
    extent = loops[0].extent
    assert isinstance(extent, ir.Register)
    return extent.name


CASES = [
    (["add_to r i j 1.0"], [["i", "j"]]),
    (["add_to r 0 j 1.0"], [["j"]]),
    (["add_to r u l 1.0"], [["j"]]),
    (["add_to r h j 1.0"], [["i", "j"]]),
    (["add_to r g 0 1.0"], [["j"]]),
    (["add_to r u 0 1.0"], [[]]),
    (["add_to r 0 j 1.0", "add_to r 1 j 2.0"], [["j"], ["j"]]),
    (["add_to r 0 j 1.0", "add_to r 0 k 2.0"], [[], []]),
    (["add_to r 0 j 1.0", "add_to r 1 k 2.0"], [["j"], ["j"]]),
    (["add_to r u j 1.0", "add_to r 1 k 2.0"], [[], []]),
    (["add_to r i j 1.0", "add_to r i k 2.0"], [["i"], ["i"]]),
    (["a: i64 = add m j", "add_to r 1 j 1.0", "add_to r 1 a 2.0"], [["j"], ["j"]]),
    (["a: i64 = add n j", "add_to r 1 j 1.0", "add_to r 1 a 2.0"], [[], []]),
    (["add_to r 1 j 1.0", "add_to r j 2 2.0"], [[], []]),
    (["add_to r i j 1.0", "add_to q 0 0 2.0"], [["i", "j"], []]),
    (["add_to r i j 1.0", "add_to r u j 2.0"], [["j"], ["j"]]),
    (["a: i64 = add h 1", "add_to r h 0 1.0", "add_to r a 0 2.0"], [["i"], ["i"]]),
    (["a: i64 = add h 2", "add_to r h 0 1.0", "add_to r a 0 2.0"], [[], []]),
]


@pytest.mark.parametrize(("lines", "expected"), CASES)
def test_additions(lines: list[str], expected: list[list[str]]) -> None:
    assert apart(*lines) == expected
