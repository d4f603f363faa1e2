"""Where what is worth keeping between runs is kept: compiled functions and plans of runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def directory() -> Path:
    """`$DIFFLANG_CACHE_DIR`, or `difflang` in the user's cache directory of the platform. It need not exist."""
    chosen = os.environ.get("DIFFLANG_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "difflang" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "difflang"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "difflang"
