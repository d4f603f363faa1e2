"""The workloads in other systems that differentiate. Each is used where it is installed, and imported when it is."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

Call = Callable[[], Any]

PEERS = {
    "JAX": ("jax", "benchmarks.peers.jax_programs"),
    "PyTorch": ("torch", "benchmarks.peers.torch_programs"),
    "folx": ("folx", "benchmarks.peers.folx_programs"),
    "CasADi": ("casadi", "benchmarks.peers.casadi_programs"),
    "Dr.Jit": ("drjit", "benchmarks.peers.drjit_programs"),
    "Enzyme": ("enzyme_ad", "benchmarks.peers.enzyme_programs"),
}
"""For each peer the module that must be there, and ours with its programs."""


def installed() -> dict[str, bool]:
    return {peer: find_spec(needed) is not None for peer, (needed, _) in PEERS.items()}


def makers(workload: str, *arguments: Any) -> dict[str, Callable[[], Call]]:
    """For each installed peer that has the workload what makes its call, with the arguments bound."""
    found: dict[str, Callable[[], Call]] = {}
    for peer, (_, module) in PEERS.items():
        if installed()[peer] and workload in import_module(module).PROGRAMS:
            found[peer] = lambda module=module: import_module(module).call(workload, *arguments)
    return found
