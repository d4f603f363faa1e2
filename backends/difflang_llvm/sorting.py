"""A stable merge sort of positions."""

from __future__ import annotations

from difflang_llvm.routine import Routine


def argsort(r: Routine, flags: tuple[str, ...]) -> None:
    """Bottom-up merging of runs of 1, 2, 4, .. positions, from one of two buffers to the other."""
    (keys, out), n = r.arrays, r.dims[0][0]
    e = r.emitter
    spare = r.allocate(r.larger(n, "1"), "i64")
    with e.counted(n) as i:
        r.store(i, out, i, "i64")
    width, source, target = e.alloca("i64"), e.alloca("ptr"), e.alloca("ptr")
    for place, value in ((width, "i64 1"), (source, f"ptr {out}"), (target, f"ptr {spare}")):
        e.void(f"store {value}, ptr {place}")
    test, body, after = e.fresh("test"), e.fresh("body"), e.fresh("after")
    e.jump(test)
    e.label(test)
    run = e.value(f"load i64, ptr {width}")
    e.branch(e.value(f"icmp slt i64 {run}, {n}"), body, after)
    e.label(body)
    double = e.value(f"shl i64 {run}, 1")
    old, new = e.value(f"load ptr, ptr {source}"), e.value(f"load ptr, ptr {target}")
    rest = e.value(f"sub i64 {double}, 1")
    pairs = e.value(f"sdiv i64 {e.value(f'add i64 {n}, {rest}')}, {double}")
    with e.counted(pairs) as pair:
        start = e.value(f"mul i64 {pair}, {double}")
        middle = r.smaller(e.value(f"add i64 {start}, {run}"), n)
        end = r.smaller(e.value(f"add i64 {start}, {double}"), n)
        _merge(r, keys, (old, new), (start, middle, end))
    e.void(f"store i64 {double}, ptr {width}")
    e.void(f"store ptr {new}, ptr {source}")
    e.void(f"store ptr {old}, ptr {target}")
    e.jump(test)
    e.label(after)
    _bring_home(r, source, out, n)


def _bring_home(r: Routine, source: str, out: str, n: str) -> None:
    last = r.emit(f"load ptr, ptr {source}")

    def copy() -> None:
        with r.emitter.counted(n) as i:
            r.store(r.load(last, i, "i64"), out, i, "i64")

    r.when(r.emit(f"icmp ne ptr {last}, {out}"), copy)


def _merge(r: Routine, keys: str, buffers: tuple[str, str], bounds: tuple[str, str, str]) -> None:
    """Merges [start, middle) and [middle, end); of equals the first comes first."""
    (old, new), (start, middle, end) = buffers, bounds
    e = r.emitter
    left, right = e.alloca("i64"), e.alloca("i64")
    e.void(f"store i64 {start}, ptr {left}")
    e.void(f"store i64 {middle}, ptr {right}")
    with e.counted(e.value(f"sub i64 {end}, {start}")) as step:
        i, j = e.value(f"load i64, ptr {left}"), e.value(f"load i64, ptr {right}")
        i_ended, j_ended = e.value(f"icmp sge i64 {i}, {middle}"), e.value(f"icmp sge i64 {j}, {end}")
        i_safe = e.value(f"select i1 {i_ended}, i64 {start}, i64 {i}")
        j_safe = e.value(f"select i1 {j_ended}, i64 {start}, i64 {j}")
        one, two = r.load(old, i_safe, "i64"), r.load(old, j_safe, "i64")
        before = _before(r, r.load(keys, two), r.load(keys, one))
        take_left = e.value(f"select i1 {j_ended}, i1 true, i1 {e.value(f'xor i1 {before}, true')}")
        take_left = e.value(f"select i1 {i_ended}, i1 false, i1 {take_left}")
        chosen = e.value(f"select i1 {take_left}, i64 {one}, i64 {two}")
        r.store(chosen, new, e.value(f"add i64 {start}, {step}"), "i64")
        advance = e.value(f"zext i1 {take_left} to i64")
        e.void(f"store i64 {e.value(f'add i64 {i}, {advance}')}, ptr {left}")
        other = e.value(f"sub i64 1, {advance}")
        e.void(f"store i64 {e.value(f'add i64 {j}, {other}')}, ptr {right}")


def _before(r: Routine, a: str, b: str) -> str:
    """a < b, with NaN behind all numbers."""
    if r.dtype not in ("f64", "f32"):
        return r.emit(f"icmp {'ult' if r.dtype == 'bool' else 'slt'} {r.type} {a}, {b}")
    less = r.emit(f"fcmp olt {r.type} {a}, {b}")
    number, nan = r.emit(f"fcmp ord {r.type} {a}, {a}"), r.emit(f"fcmp uno {r.type} {b}, {b}")
    return r.emit(f"or i1 {less}, {r.emit(f'and i1 {number}, {nan}')}")
