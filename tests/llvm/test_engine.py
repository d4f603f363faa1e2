"""What LLVM does with short and with long modules."""

from __future__ import annotations

import pytest
from difflang_llvm import engine

SQUARES = """
define void @squares(ptr noalias %x, ptr noalias readonly %y, i64 %n) {
entry:
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %from = getelementptr double, ptr %y, i64 %i
  %value = load double, ptr %from
  %square = fmul double %value, %value
  %to = getelementptr double, ptr %x, i64 %i
  store double %square, ptr %to
  %next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %body, label %end
end:
  ret void
}
"""


def module(characters: int) -> str:
    """A loop and declarations, which take no time, of a length in all."""
    declarations = "".join(f"declare void @unused.{k}()\n" for k in range(characters // 25))
    return SQUARES + declarations


@pytest.mark.parametrize("length", [0, engine.LONG_MODULE])
def test_loops_of_long_modules_are_vectors_too(length: int) -> None:
    text = module(length)
    assert (len(text) > engine.LONG_MODULE) == (length > 0)
    assert "x double>" in str(engine.optimized(text))
    assert "x double>" not in str(engine.optimized(text, level=1))
