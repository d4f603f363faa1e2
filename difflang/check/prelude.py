"""The names that are in scope everywhere and are not written in DiffLang."""

from __future__ import annotations

import math

from difflang.check import builtins
from difflang.check.builtins.registry import BUILTINS
from difflang.check.calls import BuiltinFunction
from difflang.check.effects import Print, Report
from difflang.check.kinds import SCALAR_NAMES
from difflang.check.operator_calls import OPERATORS
from difflang.check.reductions import Reduction
from difflang.check.values import Number, PrecisionConstant, TypeValue, Value

REDUCTIONS = ("sum", "prod", "max", "min", "mean", "any", "all", "argmax", "argmin", "logsumexp")
CONSTANTS = {"pi": math.pi, "inf": math.inf, "nan": math.nan}
HIDDEN = "__"
"""In front of a derivative operator: its name where a program has given the plain one to something else."""
EPS = PrecisionConstant(2.0**-52, 2.0**-23)


def prelude_values() -> dict[str, Value]:
    """Constants, types, reductions, derivative operators, effects, and the table of builtins."""
    builtins.load()
    values: dict[str, Value] = {name: Number(value) for name, value in CONSTANTS.items()}
    values["eps"] = EPS
    values.update({name: TypeValue(name) for name in sorted(SCALAR_NAMES)})
    values.update({name: Reduction(name) for name in REDUCTIONS})
    values.update(OPERATORS)
    values.update({HIDDEN + name: operator for name, operator in OPERATORS.items()})
    values.update({"print": Print(), "report": Report()})
    values.update({name: BuiltinFunction(record) for name, record in BUILTINS.items()})
    return values
