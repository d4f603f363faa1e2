"""Which checks remain: none where the index is proved, one where it is not, none twice."""

from __future__ import annotations

import pytest

from difflang.backend.protocol import CompileOptions
from difflang.core.parser import parse_func
from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.passes import RedundantChecks
from difflang.loops.schedule import schedule


def checks(text: str) -> int:
    body = schedule(parse_func(text), CompileOptions()).body
    return sum(isinstance(statement, ir.Check) for statement in walk(body))


def element(*lines: str, extent: str = "n") -> str:
    """A program that computes one vector element by element."""
    body = "\n".join(lines)
    return f"""
        func f(n: i64, m: i64, x: f64[n], z: f64[n, m]) {{
          l: i64 = sub n 1
          k: i64 = sub n 2
          c: i64 = max k 0
          y: f64[{extent}] = build {extent} {{ i: i64
            {body}
            yield v
          }}
          yield y
        }}
        """


def test_the_index_of_a_loop_over_the_dimension() -> None:
    assert checks(element("v: f64 = get x i")) == 0


def test_an_index_from_outside() -> None:
    assert checks(element("v: f64 = get x m")) == 1


def test_each_dimension_on_its_own() -> None:
    assert checks(element("v: f64 = get z i l")) == 1


def test_offsets_within_a_shorter_loop() -> None:
    for offset, count in ((0, 0), (1, 0), (2, 0), (3, 1)):
        assert checks(element(f"j: i64 = add i {offset}", "v: f64 = get x j", extent="c")) == count


def test_the_mirrored_index() -> None:
    assert checks(element("j: i64 = sub l i", "v: f64 = get x j")) == 0
    assert checks(element("j: i64 = sub n i", "v: f64 = get x j")) == 1


GUARDS = [
    ("p: bool = gt i 0", 0),
    ("p: bool = ne i 0", 0),
    ("p: bool = le 1 i", 0),
    ("p: bool = ge i 0", 1),
    ("p: bool = lt i 5", 1),
    ("q: bool = eq i 0\n p: bool = not q", 0),
    ("q: bool = eq i 0\n r: bool = lt m 3\n s: bool = or q r\n p: bool = not s", 0),
    ("q: bool = gt i 0\n r: bool = lt m 3\n p: bool = and q r", 0),
    ("q: bool = gt i 0\n r: bool = lt m 3\n p: bool = or q r", 1),
    ("p: bool = gt m 0", 1),
]


@pytest.mark.parametrize(("guard", "count"), GUARDS)
def test_a_guard_proves_the_index_before(guard: str, count: int) -> None:
    branch = "v: f64 = cond p {\n j: i64 = sub i 1\n u: f64 = get x j\n yield u\n} {\n yield 0.0\n}"
    assert checks(element(guard, branch)) == count


def test_a_guard_says_nothing_in_the_other_branch() -> None:
    branch = "v: f64 = cond p {\n yield 0.0\n} {\n j: i64 = sub i 1\n u: f64 = get x j\n yield u\n}"
    assert checks(element("p: bool = gt i 0", branch)) == 1


def test_the_last_element_but_one() -> None:
    branch = "v: f64 = cond p {\n yield 0.0\n} {\n j: i64 = add i 1\n u: f64 = get x j\n yield u\n}"
    assert checks(element("p: bool = eq i l", branch)) == 0


def test_one_condition_is_checked_once() -> None:
    lines = ["u: f64 = get x m", "w: f64 = get z m 0", "t: f64 = add u w", "v: f64 = get x m"]
    assert checks(element(*lines)) == 2, "x[m] and z[m, .] have one condition, z[., 0] another"


def test_a_check_in_one_branch_does_not_count_for_the_other() -> None:
    side = "u{k}: f64 = get x m\n yield u{k}"
    branch = f"v: f64 = cond p {{\n {side.format(k=1)}\n}} {{\n {side.format(k=2)}\n}}"
    assert checks(element("p: bool = gt i 0", branch)) == 2


def test_a_condition_on_a_mutable_register_is_checked_each_time() -> None:
    carried = ir.Register("bool", "carried", mutable=True)
    body = (ir.Check(carried, 0), ir.Assign((carried,), (ir.Literal(False, "bool"),)), ir.Check(carried, 0))
    program = ir.Program("f", (), (), body, (ir.Site("zero"),))
    assert RedundantChecks()(program).body == body
