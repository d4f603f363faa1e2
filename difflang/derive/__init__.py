"""Derivatives of Core: forward mode, reverse mode, Taylor mode, and copying with substitution.

Each transform emits code into the current position of a `Builder`; what one emits, every other accepts.
"""

from difflang.derive import custom, forward, implicit, loops, reverse, rules, taylor, transpose
from difflang.derive.budget import WORKERS, within_budget
from difflang.derive.bundle import bundle
from difflang.derive.copying import inline, without_notices
from difflang.derive.erase import erased
from difflang.derive.linearize import linearized
from difflang.derive.plan import keep_budget
from difflang.watch import stage

RULE_MODULES = (rules, loops, transpose, custom, implicit)
"""Imported so that the tables of rules are full."""

jvp = stage("derive")(forward.jvp)
vjp = stage("derive")(reverse.vjp)
jet = stage("derive")(taylor.jet)

__all__ = [
    "RULE_MODULES",
    "WORKERS",
    "bundle",
    "erased",
    "inline",
    "jet",
    "jvp",
    "keep_budget",
    "linearized",
    "vjp",
    "within_budget",
    "without_notices",
]
