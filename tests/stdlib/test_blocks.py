"""Every test block of the standard library and of the examples passes, compiled and interpreted, in both precisions."""

from __future__ import annotations

from pathlib import Path

import pytest

import difflang as dl
from difflang.backend.registry import get
from difflang.check import load
from difflang.runtime.engine import Engine, Options, Prepared
from difflang.runtime.host import RunHost

ROOT = Path(dl.__file__).parent.parent
FILES = [path.relative_to(ROOT) for folder in ("stdlib", "examples") for path in sorted((ROOT / folder).rglob("*.dl"))]


@pytest.mark.parametrize(("backend", "precision"), [("reference", "f64"), ("llvm", "f64"), ("reference", "f32")])
@pytest.mark.parametrize("file", FILES, ids=str)
def test_blocks(file: Path, backend: str, precision: str) -> None:
    program = load(str(ROOT / file))
    engine, tests = Engine(program, lambda warning: pytest.fail(warning.message)), program.tests(precision)
    assert tests, "a file of the library has tests"
    for name, lower in tests:
        lowered = lower()
        options = Options(backend=backend, precision=precision)
        try:
            engine.run(Prepared(lowered.signature, get(backend).compile(lowered.func, options.compile)), {}, RunHost())
        except dl.DiffLangError as problem:
            pytest.fail(f"{file}, {name}: {problem}")
