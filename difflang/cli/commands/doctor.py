"""`difflang doctor`: what is installed and what works."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

import click

from difflang import __version__
from difflang.cli.options import Settings, output_options

PACKAGES = ("numpy", "scipy", "llvmlite", "click", "matplotlib", "cupy-cuda12x")
PROBE = "fn probe(x: real[n]) -> real = sum(x * x)"


@click.command("doctor")
@output_options
def command(settings: Settings) -> int:
    """Show versions, the processor, BLAS, the cache and the backends, and try each backend on a small program."""
    backends = _backends()
    facts = {
        "difflang": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        **{name: _version(name) for name in PACKAGES},
        "processor": _processor(),
        "blas": _blas(),
        "cache": _cache(),
        **{f"backend {name}": verdict for name, verdict in backends.items()},
    }
    if settings.console.form == "json":
        from difflang.cli.output import json_text

        print(json_text(facts))
    else:
        width = max(map(len, facts))
        print("\n".join(f"{name:<{width}}  {fact}" for name, fact in facts.items()))
    return 0 if all(verdict == "works" for verdict in backends.values()) else 1


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    import os

    try:
        from llvmlite import binding

        return f"{binding.get_host_cpu_name()}, {os.cpu_count()} logical cores"
    except ImportError:
        return f"{platform.machine()}, {os.cpu_count()} logical cores"


def _blas() -> str:
    import numpy

    try:
        blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]  # pyright: ignore[reportArgumentType]
    except (KeyError, TypeError):
        return "unknown"
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()


def _cache() -> str:
    from difflang.cli.commands.cache import describe

    return describe()


def _backends() -> dict[str, str]:
    """Each installed backend with `works`, or what it says to a small program."""
    from difflang.backend.registry import names

    return {name: _verdict(name) for name in names()}


def _verdict(name: str) -> str:
    import numpy

    import difflang

    try:
        value = difflang.grad(difflang.loads(PROBE).probe.on(backend=name))(numpy.array([1.0, 2.0]))
    except Exception as problem:  # a broken installation may fail in any way; the doctor reports it
        return f"fails: {str(problem).splitlines()[0]}"
    return "works" if list(value) == [2.0, 4.0] else f"fails: wrong gradient {value}"
