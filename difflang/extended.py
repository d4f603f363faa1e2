"""The values of a function in extended precision, as the reference interpreter computes them from its Core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from difflang.core.ir import walk
from difflang.diagnostics import DiffLangError
from difflang.runtime.marshal import marshal
from difflang.runtime.types import Leaf, leaves

if TYPE_CHECKING:
    from difflang import api

Long = npt.NDArray[np.longdouble]

APPROXIMATE = frozenset({"while", "implicit"})
"""What makes a function whose values (by a tolerance inside) and derivatives agree only so far."""


def extended_values(function: api.Function, arguments: Mapping[str, Any], names: Sequence[str]) -> Values | None:
    """The function at `arguments`, of which the real parts of those in `names` vary; None where it has no evaluation in
    extended precision: see `difflang_reference.extended`.
    """
    from difflang_reference.extended import NotExtended, evaluator

    engine, expression, precision = function.engine, function.__name__, function.options.precision
    if precision != "f64" or len(engine.program.forms(expression)) > 1 or engine.static_names(expression):
        return None
    everything = len(arguments) == len(function.signature.parameters)
    lowered = engine.lowered(expression, precision, None if everything else frozenset(arguments))
    signature = lowered.signature
    flat = marshal(signature, arguments, engine.data(signature)).flat
    own = {p.name: leaves(p.type, p.name) for p in signature.parameters}
    place, places = len(signature.sizes), dict[str, list[int]]()
    for name, found in own.items():
        places[name] = [place + k for k, leaf in enumerate(found) if _is_real(leaf)]
        place += len(found)
    moving = [k for name in names for k in places[name]]
    results = [] if signature.result is None else leaves(signature.result, "")
    kept = [k for k, leaf in enumerate(results) if _is_real(leaf)]
    is_exact = not any(eqn.op in APPROXIMATE for eqn in walk(engine.elaborated(expression, precision).block))
    try:
        values = Values(evaluator(lowered.func), flat, moving, kept, is_exact=is_exact)
        values(values.start)
    except (NotExtended, TypeError, DiffLangError):
        return None
    return values


def _is_real(leaf: Leaf) -> bool:
    return leaf.dtype in ("f64", "f32")


class Values:
    """The real results, as one vector, as a function of some flat arguments, as one vector.

    `is_exact` is false where the program computes what it gives up to a tolerance of its own.
    """

    def __init__(
        self,
        evaluate: Callable[[Sequence[Any]], list[Any]],
        flat: Sequence[Any],
        moving: Sequence[int],
        kept: Sequence[int],
        *,
        is_exact: bool,
    ) -> None:
        self._evaluate = evaluate
        self._flat = flat
        self._moving = moving
        self._kept = kept
        self.is_exact = is_exact

    @property
    def start(self) -> Long:
        """The vector of the arguments as they were given."""
        parts = [np.ravel(np.asarray(self._flat[k], np.longdouble)) for k in self._moving]
        return np.concatenate(parts) if parts else np.zeros(0, np.longdouble)

    def __call__(self, vector: Long) -> Long:
        args, used = list(self._flat), 0
        for k in self._moving:
            shape = np.shape(args[k])
            count = int(np.prod(shape, dtype=np.int64))
            args[k] = vector[used : used + count].reshape(shape)
            used += count
        results = self._evaluate(args)
        parts = [np.ravel(np.asarray(results[k], np.longdouble)) for k in self._kept]
        return np.concatenate(parts) if parts else np.zeros(0, np.longdouble)
