"""Scalar primitives: one record each, grouped by family. `PRIMITIVES` finds a record by its name."""

from difflang.prims import arithmetic, elementary, random
from difflang.prims.model import Primitive

PRIMITIVES: dict[str, Primitive] = {
    record.name: record for family in (arithmetic, elementary, random) for record in family.RECORDS
}

__all__ = ["PRIMITIVES", "Primitive"]
