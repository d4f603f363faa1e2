"""The support code in C: named pieces, each with the pieces that it needs; a program carries only what it uses.

The files beside this module hold the pieces behind lines such as `/// solve: memory lu`. In `matrices.c` `@T@` stands
for the C type of the elements, `@t@` for their name here, `@E@` for the rounding error.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources

from difflang.core.ir import DType

C_TYPES: dict[DType, str] = {"f64": "double", "f32": "float", "i64": "int64_t", "i32": "int32_t", "bool": "bool"}
ROUNDING: dict[DType, str] = {"f64": "2.3e-16", "f32": "1.2e-7"}
FILES = ("core.c", "scalar.c", "matrices.c")

Piece = tuple[str, DType | None]
"""The name of a piece, and for one of `matrices.c` the type of its elements."""


@cache
def _pieces() -> dict[str, tuple[tuple[str, ...], str]]:
    """What each piece needs, and its text."""
    found: dict[str, tuple[tuple[str, ...], str]] = {}
    for file in FILES:
        text = resources.files("difflang_c").joinpath("support", file).read_text()
        for part in text.split("/// ")[1:]:
            head, _, body = part.partition("\n")
            name, _, needs = head.partition(":")
            found[name] = (tuple(needs.split()), body.strip("\n"))
    return found


def support_text(wanted: Iterable[Piece]) -> str:
    """The pieces, each once and behind what it needs, `state` first."""
    written: dict[Piece, str] = {}
    for piece in (("state", None), *wanted):
        _write(piece, written)
    return "\n\n".join(written.values())


def _write(piece: Piece, written: dict[Piece, str]) -> None:
    name, dtype = piece
    needs, text = _pieces()[name]
    if "@T@" not in text:
        piece = (name, None)
    if piece in written:
        return
    for needed in needs:
        _write((needed, dtype), written)
    kind = dtype or "f64"
    values = {"@T@": C_TYPES[kind], "@t@": kind, "@E@": ROUNDING.get(kind, "0")}
    for sign, value in values.items():
        text = text.replace(sign, value)
    written[piece] = text
