"""Primitive by type, evaluation, partials and backends: one table, in which no hole is undeclared."""

from __future__ import annotations

from itertools import product

from difflang_llvm.primitives import LOWERINGS
from difflang_reference.interpreter import HANDLERS

from difflang.prims import PRIMITIVES, Primitive
from difflang.prims.arithmetic import NUMPY_DTYPES

FLAT = {"floordiv": (0, 1), "sign": (0,), "floor": (0,), "ceil": (0,), "round": (0,), "stop_grad": (0,)}
"""Float arguments in which a primitive has the derivative 0 on purpose: it is a step, or is meant to be a constant."""

ATTRIBUTES = {"convert": {"dtype": "f64"}, "bits_to_unit": {"dtype": "f64"}}


def row(record: Primitive) -> dict[str, str]:
    """What there is for a primitive; an empty text is a hole."""
    return {
        "types": " ".join(sorted({combination[0] for combination in accepted(record)})),
        "eval": "yes" if callable(record.evaluate) else "",
        "partials": partials(record),
        "reference": "yes" if record.name not in HANDLERS else "",
        "llvm": "yes" if record.name in LOWERINGS else "",
    }


def accepted(record: Primitive) -> list[tuple[str, ...]]:
    found = []
    for dtypes in product(NUMPY_DTYPES, repeat=record.arity):
        try:
            record.result_dtype(dtypes, ATTRIBUTES.get(record.name, {}))
        except ValueError:
            continue
        found.append(dtypes)
    return found


def partials(record: Primitive) -> str:
    """`a b`: those stated; `-` where no argument can have one; empty where one is missing that is not declared."""
    floats = {k for dtypes in accepted(record) for k, dtype in enumerate(dtypes) if dtype in ("f64", "f32")}
    attrs = ATTRIBUTES.get(record.name, {})
    results = {record.result_dtype(dtypes, attrs) for dtypes in accepted(record)}
    if not floats or not results & {"f64", "f32"}:
        return "-"
    stated = {k for k, text in enumerate(record.partials) if text is not None}
    flat = set(FLAT.get(record.name, ()))
    missing = floats - stated - flat - ({0} if record.name == "select" else set())
    return "" if missing else " ".join("abc"[k] for k in sorted(stated)) or "flat"


def test_no_hole_is_undeclared() -> None:
    table = {name: row(record) for name, record in PRIMITIVES.items()}
    print(f"{'primitive':14}" + "".join(f"{column:24}" for column in next(iter(table.values()))))
    for name, entries in table.items():
        print(f"{name:14}" + "".join(f"{entry or 'HOLE':24}" for entry in entries.values()))
    holes = [f"{name}: {column}" for name, entries in table.items() for column, entry in entries.items() if not entry]
    assert not holes


def test_no_declaration_is_stale() -> None:
    for name, arguments in FLAT.items():
        assert all(PRIMITIVES[name].partials[k] is None for k in arguments)
    assert LOWERINGS.keys() <= PRIMITIVES.keys()
