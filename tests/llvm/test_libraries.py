"""The routines of SciPy are found without the package around them, and the package is whole when it comes later."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from difflang_llvm import libraries
addresses = [libraries.resolve(name) for name in ("blas.dgemm", "lapack.dpotrf")]
assert "scipy.linalg" not in sys.modules
import scipy.linalg
import scipy.linalg.cython_blas
import scipy.linalg.cython_lapack
assert scipy.linalg.cython_blas.__pyx_capi__ and scipy.linalg.cython_lapack.__pyx_capi__
assert scipy.linalg.det([[2.0, 0.0], [0.0, 3.0]]) == 6.0
libraries._exported.cache_clear()
libraries._extension.cache_clear()
assert addresses == [libraries.resolve(name) for name in ("blas.dgemm", "lapack.dpotrf")]
"""


def test_routines_come_without_their_package():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
