"""Functions of Core made by hand, their derivatives as functions of Core, and numbers to hold them against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from difflang_reference import BACKEND

from difflang.backend.protocol import CompileOptions
from difflang.core.builder import Builder
from difflang.core.ir import Atom, DType, Func, Type, Var
from difflang.core.ops import I64
from difflang.core.verifier import verify
from difflang.derive import erased, inline, jet, jvp, values, vjp

F64 = Type("f64")
DTYPES: dict[str, DType] = {"f64": "f64", "f32": "f32", "i64": "i64", "i32": "i32", "bool": "bool"}


class Recorder:
    """A host that remembers what was printed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def print(self, text: str) -> None:
        self.lines.append(text)

    def report(self, figures: Any) -> None:
        self.lines.append(str(dict(figures)))

    def extern(self, name: str, args: Sequence[Any]) -> Sequence[Any]:
        raise AssertionError(f"{name} was called")


def function(signature: str, body: Callable[..., Sequence[Atom]], dtype: str = "f64") -> Func:
    """A function with parameters such as "n x[n] A[n,m] s k:i64"; `body` receives a builder and the parameters.

    A name that occurs as a dimension is an i64.
    """
    words = signature.split()
    sizes = {dim for word in words if "[" in word for dim in word[word.index("[") + 1 : word.index("]")].split(",")}
    known: dict[str, Var] = {}
    for word in words:
        name, _, kind = word.partition(":")
        name, _, dims = name.partition("[")
        shape = tuple(known[d] for d in dims.rstrip("]").split(",")) if dims else ()
        known[name] = Var(I64 if name in sizes else Type(DTYPES[kind or dtype], shape), name)
    b = Builder()
    return Func("f", b.block_with(tuple(known.values()), lambda *params: body(b, *params)))


def run(func: Func, *args: Any, host: Any = None) -> list[Any]:
    """Verifies and interprets, as backends receive it."""
    verify(func)
    return BACKEND.compile(erased(func), CompileOptions())(list(args), host)


def fresh_parameters(func: Func) -> tuple[list[Var], list[Var]]:
    """Fresh parameters like those of `func`, and the float ones among them."""
    fresh: dict[Var, Atom] = {}
    for old in func.params:
        fresh[old] = Var(Type(old.type.dtype, tuple(fresh.get(d, d) for d in old.type.shape)), old.name)
    params = [p for p in fresh.values() if isinstance(p, Var)]
    return params, [p for p in params if p.type.is_float]


def tangent_function(func: Func) -> Func:
    """Parameters: those of `func`, then a tangent for each float one. Results: those of `func`, then the tangents."""
    b = Builder()
    params, floats = fresh_parameters(func)
    directions = [Var(p.type, f"d{p.name}") for p in floats]
    tangents = dict(zip(floats, directions, strict=True))

    def body(*_: Atom) -> list[Atom]:
        outs, found = jvp(b, func.block, params, [tangents.get(p) for p in params])
        pairs = zip(outs, found, strict=True)
        return [*outs, *(values.instantiated(b, t, o.type) for o, t in pairs if o.type.is_float)]

    return Func(f"jvp_{func.name}", b.block_with([*params, *directions], body))


def cotangent_function(func: Func) -> Func:
    """Parameters: those of `func`, then a cotangent for each float result. Results: its own, then cotangents."""
    b = Builder()
    params, floats = fresh_parameters(func)
    b.open(params)
    outs, pullback = vjp(b, func.block, params, [p.type.is_float for p in params])
    seeds = [Var(Type(o.type.dtype, _outer_shape(func, params, o)), "ct") if o.type.is_float else None for o in outs]
    found = pullback(seeds)
    cotangents = [values.instantiated(b, ct, p.type) for p, ct in zip(params, found, strict=True) if p in floats]
    return Func(f"vjp_{func.name}", b.close((*params, *(s for s in seeds if s is not None)), [*outs, *cotangents]))


def _outer_shape(func: Func, params: Sequence[Var], out: Atom) -> tuple[Atom, ...]:
    """Cotangents are parameters, so their sizes must be parameters."""
    assert all(not isinstance(dim, Var) or dim in params for dim in out.type.shape), "a result has a computed size"
    return out.type.shape


def gradient_function(func: Func) -> Func:
    """Parameters: those of `func`. Results: the cotangents of its float parameters for its first result, a scalar."""
    b = Builder()
    params, _ = fresh_parameters(func)

    def body(*_: Atom) -> list[Atom]:
        outs, pullback = vjp(b, func.block, params, [p.type.is_float for p in params])
        found = pullback([values.literal(1, outs[0].type.dtype), *(None for _ in outs[1:])])
        return [values.instantiated(b, ct, p.type) for p, ct in zip(params, found, strict=True) if p.type.is_float]

    return Func(f"grad_{func.name}", b.block_with(params, body))


def jet_function(func: Func, order: int) -> Func:
    """Parameters: those of `func`, then coefficients for each float one. Results: its own, then their coefficients."""
    b = Builder()
    params, floats = fresh_parameters(func)
    series = {p: tuple(Var(p.type, f"{p.name}{j}") for j in range(1, order + 1)) for p in floats}
    zero: tuple[None, ...] = (None,) * order

    def body(*_: Atom) -> list[Atom]:
        outs, found = jet(b, func.block, params, [series.get(p, zero) for p in params], order)
        pairs = zip(outs, found, strict=True)
        return [*outs, *(values.instantiated(b, c, o.type) for o, s in pairs if o.type.is_float for c in s)]

    return Func(f"jet_{func.name}", b.block_with([*params, *(c for s in series.values() for c in s)], body))


def copied_function(func: Func) -> Func:
    b = Builder()
    params, _ = fresh_parameters(func)
    return Func(func.name, b.block_with(params, lambda *_: inline(b, func.block, params)))


def flat(arrays: Sequence[Any]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(np.ravel(np.asarray(a, float)) for a in arrays)])


def is_float(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def floats_of(args: Sequence[Any]) -> list[Any]:
    return [a for a in args if is_float(a)]


def random_like(arrays: Sequence[Any], seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, np.shape(a)) if np.shape(a) else rng.uniform(-1, 1) for a in arrays]


def moved(args: Sequence[Any], directions: Sequence[Any], step: float) -> list[Any]:
    left = iter(directions)
    return [a + step * next(left) if is_float(a) else a for a in args]


def difference(func: Func, args: Sequence[Any], directions: Sequence[Any], h: float = 1e-3) -> list[Any]:
    """The derivative of the float results along a direction, by the five-point formula (error of order h^4)."""
    values = [floats_of(run(func, *moved(args, directions, k * h))) for k in (-2, -1, 1, 2)]
    return [(a - 8 * b + 8 * c - d) / (12 * h) for a, b, c, d in zip(*values, strict=True)]


def check_modes(func: Func, args: Sequence[Any], *, smooth: bool = True, seed: int = 0) -> None:
    """Values unchanged; forward = reverse to rounding; forward = differences (if smooth); repeated for `seed`s."""
    directions = random_like(floats_of(args), seed)
    primal = run(func, *args)
    weights = random_like(floats_of(primal), seed + 1)
    forward = run(tangent_function(func), *args, *directions)
    reverse = run(cotangent_function(func), *args, *weights)
    count = len(primal)
    for found in (forward[:count], reverse[:count]):
        for value, expected in zip(found, primal, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-14, atol=1e-15)
    tangents, cotangents = forward[count:], reverse[count:]
    left, right = flat(weights) @ flat(tangents), flat(directions) @ flat(cotangents)
    scale = np.abs(flat(weights)) @ np.abs(flat(tangents)) + np.abs(flat(directions)) @ np.abs(flat(cotangents))
    np.testing.assert_allclose(left, right, atol=1e-12 * (1 + scale), rtol=0)
    if smooth:
        expected = difference(func, args, directions)
        np.testing.assert_allclose(
            flat(tangents), flat(expected), rtol=2e-7, atol=2e-8 * (1 + np.abs(flat(tangents)).max(initial=0))
        )


def check_all_orders(func: Func, args: Sequence[Any], *, smooth: bool = True) -> None:
    """The first derivatives, and the derivatives of both first-derivative programs."""
    check_modes(func, args, smooth=smooth)
    directions = random_like(floats_of(args), 5)
    check_modes(tangent_function(func), [*args, *directions], smooth=smooth, seed=10)
    weights = random_like(floats_of(run(func, *args)), 6)
    check_modes(cotangent_function(func), [*args, *weights], smooth=smooth, seed=20)
