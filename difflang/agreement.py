"""Whether the derivatives of a program agree at random points: for `difflang check --derivatives`, and two rules.

At a point, <u, J v> by forward mode stands against <J^T u, v> by reverse mode and against differences of the values,
and the second Taylor coefficient against forward mode over itself; u and v are random too. A point where something is
not finite says nothing and is left out. Nothing is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from difflang import api
from difflang.backend.patience import OutOfPatience, patience
from difflang.diagnostics import Diagnostic, DiffLangError, Label
from difflang.diagnostics.model import Span
from difflang.differences import USUAL
from difflang.points import Point, Vector, has_derivative, relative
from difflang.runtime.engine import Engine, Options
from difflang.signature import ArrayType, ScalarType, Signature, StructType, TupleType, ValueType
from difflang.sizes import Size

POINTS = 5
SIZES = (3, 2, 4)
"""What the sizes of a function are taken to be, in turn."""

INTEGER = 2

PATIENCE = 1.0
"""Seconds that a value may take; its derivatives in all modes take a hundred times as long."""


def disagreeing_modes(engine: Engine, name: str, *, smooth: bool) -> list[Diagnostic]:
    """E0613 where two modes differentiate a function differently; with `smooth`, differences are asked too.

    W0503 instead, where the function takes so long that its derivatives would take minutes.
    """
    random = np.random.default_rng(21)
    try:
        function = api.Function(engine, name, Options(backend="reference"))
        names = [p.name for p in function.signature.parameters if has_derivative(p.type)]
        for _ in range(POINTS if names else 0):
            point = Point(function, (), sampled(function.signature, random), names)
            if not _is_quick(point):
                return [_not_compared(engine, name)]
            wrong = _wrong_mode(point, random, smooth)
            if wrong is not None:
                message = f"The derivatives of `{name}` disagree at a random point: {wrong}."
                hint = "`check_grad(f, x)` compares them at a point of your choice. Are its rules right?"
                return [Diagnostic("E0613", message, engine.program.root.items[name][0].span, hint=hint)]
    except DiffLangError:
        pass
    return []


def _is_quick(point: Point) -> bool:
    try:
        with np.errstate(all="ignore"), patience(PATIENCE):
            point.value(point.vector)
    except OutOfPatience:
        return False
    return True


def _not_compared(engine: Engine, name: str) -> Diagnostic:
    message = f"The derivatives of `{name}` are not compared: at a random point it takes too long without a compiler."
    hint = f"Compare them at a point of your choice, in Python: `dl.check_grad(m.{name}, ...)`."
    return Diagnostic("W0503", message, engine.program.place(name), hint=hint, severity="warning")


def _wrong_mode(point: Point, random: np.random.Generator, smooth: bool) -> str | None:
    direction = random.standard_normal(point.vector.size)
    with np.errstate(all="ignore"):
        tangent, by_steps = point.forward(direction), point.differences(direction)
        weights = random.standard_normal(tangent.size)
        pulled = np.array(point.reverse(weights) @ direction)
        taylor, nested = point.second(random.standard_normal(point.vector.size))
    apart = [
        ("tangent and cotangent", _apart(np.array(weights @ tangent), pulled), by_steps.tolerance),
        ("Taylor coefficient and nested tangent", _apart(taylor, nested), USUAL),
    ]
    if smooth and np.isfinite(tangent).all() and np.isfinite(by_steps.values).all():
        apart.append(("tangent and finite differences", by_steps.distance(tangent, 1.0), by_steps.tolerance))
    for names, distance, limit in apart:
        if distance > limit:
            return f"{names} differ by {distance:.2g} (relative)"
    return None


def _apart(left: Vector, right: Vector) -> float:
    """How far two results differ; where something is not finite, nothing is said."""
    return relative(left, right) if np.isfinite(left).all() and np.isfinite(right).all() else 0.0


def disagreeing_rules(engine: Engine) -> list[Diagnostic]:
    """E0514 for every function of the program's file whose two rules disagree. Nothing is compiled.

    Functions that cannot be called by themselves (for they take functions, say) are left out.
    """
    root = engine.program.root
    stated = {name: {mode: r.span for mode, r in root.rules_of(name).items()} for name in engine.program.functions()}
    found = (_disagreement(engine, name, rules) for name, rules in stated.items() if len(rules) == 2)
    return [diagnostic for diagnostic in found if diagnostic is not None]


def _disagreement(engine: Engine, name: str, rules: Mapping[str, Span]) -> Diagnostic | None:
    random = np.random.default_rng(20)
    try:
        function = api.Function(engine, name, Options(backend="reference"))
        names = [p.name for p in function.signature.parameters if has_derivative(p.type)]
        for _ in range(POINTS if names else 0):
            point = Point(function, (), sampled(function.signature, random), names)
            figures, tolerance = _figures(point, random)
            if np.isfinite(figures).all() and relative(figures[1], figures[0]) > tolerance:
                return _diagnostic(function, rules, figures, tolerance)
    except DiffLangError:
        pass
    return None


def _figures(point: Point, random: np.random.Generator) -> tuple[Vector, float]:
    """u'(J v) by the tangent, (J'u) v by the cotangents, and u'(J v) by differences; what they are held to."""
    direction = random.standard_normal(point.vector.size)
    with np.errstate(all="ignore"):
        tangent, by_steps = point.forward(direction), point.differences(direction)
        weights = random.standard_normal(tangent.size)
        pulled = point.reverse(weights) @ direction
    return np.array([weights @ tangent, pulled, weights @ by_steps.values]), by_steps.tolerance


def _diagnostic(function: api.Function, rules: Mapping[str, Span], figures: Vector, tolerance: float) -> Diagnostic:
    forward, reverse, differences = (float(figure) for figure in figures)
    message = (
        f"The two rules for `{function.__name__}` disagree: at a random point they give {forward:.6g} "
        f"and {reverse:.6g} for the same number (u'J v)."
    )
    wrong = [
        f"`rule {mode}`"
        for mode, figure in (("jvp", forward), ("vjp", reverse))
        if relative(np.array(figure), np.array(differences)) > tolerance
    ]
    hint = f"Differences of its values give {differences:.6g}: correct the {' and the '.join(wrong)}."
    return Diagnostic("E0514", message, rules["jvp"], (Label(rules["vjp"], "the other rule is here"),), hint)


def sampled(signature: Signature, random: np.random.Generator) -> dict[str, Any]:
    """Arguments for a function: numbers between 0.2 and 0.9, small sizes."""
    sizes: dict[str, int] = {}

    def size(name: str) -> int:
        return sizes.setdefault(name, SIZES[len(sizes) % len(SIZES)])

    return {p.name: _value(p.type, size, random) for p in signature.parameters}


def _value(type_: ValueType, size: Callable[[str], int], random: np.random.Generator) -> Any:
    match type_:
        case StructType(fields=fields):
            return {name: _value(field, size, random) for name, field in fields}
        case TupleType(elements=elements):
            return tuple(_value(element, size, random) for element in elements)
        case ArrayType(element=element, shape=shape):
            return _numbers(element, tuple(_extent(d, size) for d in shape), random)
        case ScalarType():
            return _numbers(type_, (), random).item()
        case _:
            raise AssertionError("a sparse matrix is no parameter")


def _extent(dimension: Size, size: Callable[[str], int]) -> int:
    return dimension.evaluate(size)


def _numbers(element: ScalarType, shape: tuple[int, ...], random: np.random.Generator) -> Any:
    kinds = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_}
    if element.dtype in ("f64", "f32"):
        return random.uniform(0.2, 0.9, shape).astype(kinds[element.dtype])
    return np.full(shape, INTEGER, kinds[element.dtype])
