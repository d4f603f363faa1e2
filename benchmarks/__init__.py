"""Speed against C written by hand: `python -m benchmarks`."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""Both sides use one thread; BLAS, read when it is loaded, has threads of its own."""
