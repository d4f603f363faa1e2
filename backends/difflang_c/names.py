"""Names in C: those of the program as far as C permits them, each given once."""

from __future__ import annotations

import re

from difflang_c.expressions import LIBM

_WORDS = """
    auto bool break case char const continue default do double else enum extern false float for goto if inline int long
    register restrict return short signed sizeof static struct switch true typedef union unsigned void volatile while
    int32_t int64_t uint8_t uint64_t size_t NULL NAN INFINITY INT64_MIN INT64_MAX asm main exit
    isnan isfinite fabs fabsf rint rintf malloc free memcpy memmove state status finish
"""
RESERVED = frozenset([*_WORDS.split(), *LIBM, *(f"{name}f" for name in LIBM)])
"""Words of C, and what the generated code uses of its library."""


class Names:
    """Hands out names. A name of the program keeps its letters; a number behind it sets it apart from its like."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def parameter(self, hint: str) -> str:
        """A name that users read in a header: the hint itself where that is possible."""
        base = _letters(hint) or "argument"
        if base in RESERVED or base.startswith(("dl_", "_")):
            base += "_"
        return self._unused(base) if base in self._taken else self._take(base)

    def local(self, hint: str) -> str:
        """A name with a number, so that it is no function of the C library."""
        return self._unused(re.sub(r"_?\d+$", "", _letters(hint)) or "t")

    def _unused(self, base: str) -> str:
        while True:
            number = self._next.get(base, 0)
            self._next[base] = number + 1
            name = f"{base}_{number}"
            if name not in self._taken:
                return self._take(name)

    def _take(self, name: str) -> str:
        self._taken.add(name)
        return name


def _letters(hint: str) -> str:
    """The hint in letters that every C compiler takes."""
    text = re.sub(r"[^A-Za-z0-9_]+", "_", hint).strip("_")
    return f"n{text}" if text[:1].isdigit() else text
