"""The exact Laplacian in folx: one forward pass that carries value, Jacobian and Laplacian (Li et al. 2024), in JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from benchmarks.peers import jax_programs


def call(workload: str, *arguments: Any) -> Callable[[], Any]:
    """The compiled workload with its arguments bound; it waits for the results."""
    return jax_programs.bound(PROGRAMS[workload], *arguments)


def laplacian(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    forward: Any = import_module("folx").forward_laplacian

    def total(x: Any, *weights: Any) -> Any:
        return forward(lambda x: jax_programs.network(jax, x, *weights))(x).laplacian

    return total, ()


PROGRAMS: Mapping[str, jax_programs.Program] = {"laplacian": laplacian}
