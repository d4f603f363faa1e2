"""What a backend says when it lacks an operation."""

from __future__ import annotations

from difflang.diagnostics.model import DiffLangError, error


def no_lowering(primitive: str, backend: str) -> DiffLangError:
    """E0914: a backend has no code for a primitive."""
    return error(
        "E0914",
        f"the backend `{backend}` cannot compute `{primitive}`",
        hint="Run it with `--backend reference`, which computes everything; or add a lowering to the backend.",
    )
