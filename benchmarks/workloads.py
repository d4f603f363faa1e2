"""The workloads: a DiffLang function, the same by hand in C, and inputs from a fixed seed."""

from __future__ import annotations

from functools import partial

from benchmarks import adbench, learning, numerics, operators
from benchmarks.baseline import Workload

WORKLOADS = (
    Workload("gmm d=10 K=25 n=1000", lambda: adbench.gmm(10, 25, 1000)),
    Workload("gmm d=20 K=50 n=1000", lambda: adbench.gmm(20, 50, 1000)),
    Workload("gmm d=64 K=25 n=1000", lambda: adbench.gmm(64, 25, 1000)),
    Workload("ba 10,000 observations", lambda: adbench.ba(50, 2000, 10_000)),
    Workload("lstm l=2 c=1024", lambda: adbench.lstm(2, 1024)),
    Workload("lstm l=4 c=1024", lambda: adbench.lstm(4, 1024)),
    Workload("hand 100 points, small model", lambda: adbench.hand(100)),
    Workload("hand 800 points, big model", lambda: adbench.hand(800, vertices=10_000)),
    Workload("ode 10,000 steps", lambda: numerics.ode(10_000)),
    Workload("ode 100,000 steps", lambda: numerics.ode(100_000)),
    Workload("black-scholes 1e6", lambda: numerics.black_scholes(1_000_000)),
    Workload("adam 1e6", lambda: learning.adam(1_000_000)),
    Workload("adam 1e6, f32", lambda: learning.adam_f32(1_000_000)),
    Workload("heat 256x256, 100 steps", lambda: numerics.heat(256, 100)),
    Workload("logistic hvp 1000x100", lambda: learning.logistic_hvp(1000, 100)),
    Workload("logistic hessian 1000x100", lambda: learning.logistic_hessian(1000, 100)),
    *(Workload(f"taylor order {k}", partial(learning.taylor, k)) for k in (2, 4, 6, 8, 10)),
    *(Workload(f"taylor order {k}, 1,024 points", partial(learning.taylor_batch, k, 1024)) for k in (2, 4, 6, 8, 10)),
    Workload("ridge hypergradient 500x50", lambda: learning.ridge(500, 50)),
    Workload("tanh fixed point n=100", lambda: operators.fixed_point(100)),
    Workload("rosenbrock hvp n=1000", lambda: operators.rosenbrock_hvp(1000)),
    Workload("rosenbrock hessian n=1000", lambda: operators.rosenbrock_hessian(1000)),
    Workload("laplacian d=100", lambda: operators.laplacian(100)),
    Workload("laplacian d=1000", lambda: operators.laplacian(1000)),
    Workload("stochastic laplacian d=100", lambda: operators.stochastic_laplacian(100)),
    Workload("stochastic laplacian d=1000", lambda: operators.stochastic_laplacian(1000)),
    Workload("trivial call, 1000 times", lambda: numerics.trivial(1000)),
)
