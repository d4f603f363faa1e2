"""The cache on disk: hits, misses, damage, eviction."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from difflang_llvm import backend, cache, compiler

from difflang.backend.protocol import CompileOptions
from difflang.core.builder import literal
from difflang.core.ir import Func, Type, Var
from difflang.core.ops import I64
from difflang.diagnostics.model import DiffLangError, Span
from difflang.runtime import cachedir
from tests.llvm.running import Recorder, function

CACHED = CompileOptions()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIFFLANG_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the functions that were really compiled."""
    names: list[str] = []
    original = compiler.compiled_function

    def counting(func: Func, options: CompileOptions) -> Any:
        names.append(func.name)
        return original(func, options)

    monkeypatch.setattr(compiler, "compiled_function", counting)
    return names


def scaled(factor: float, line: int = 1) -> Func:
    """x[i] * factor, for one element read with a check."""
    n = Var(I64, "n")

    def body(b: Any, n: Any, x: Any, i: Any) -> Any:
        b.span = Span("a.dl", line, 1, line, 2)
        return [b.prim("mul", b.get(x, i), literal(factor, "f64"))]

    return function([n, Type("f64", (n,)), I64], body)


def value(func: Func, options: CompileOptions = CACHED, index: int = 1) -> float:
    return backend.LLVMBackend().compile(func, options)([2, np.array([1.0, 3.0]), index], Recorder())[0]


def test_the_second_compilation_comes_from_the_disk(made: list[str]) -> None:
    assert [value(scaled(2.0)), value(scaled(2.0))] == [6.0, 6.0]
    assert made == ["f"]
    assert cache.info().files == 1


def test_another_program_or_option_is_another_entry(made: list[str]) -> None:
    assert [value(scaled(2.0)), value(scaled(4.0)), value(scaled(2.0), CompileOptions(check_nan=True))] == [6, 12, 6]
    assert len(made) == 3


def test_places_of_failures_survive(made: list[str]) -> None:
    for line in (7, 8, 7):
        with pytest.raises(DiffLangError) as caught:
            value(scaled(2.0, line), index=5)
        assert caught.value.span == Span("a.dl", line, 1, line, 2)
        assert "The index 5 is out of range" in str(caught.value)
    assert len(made) == 2


@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "noise"])
def test_a_damaged_entry_is_made_anew(folder: Path, made: list[str], damage: str) -> None:
    value(scaled(2.0))
    (path,) = folder.iterdir()
    data = path.read_bytes()
    changed = {"empty": b"", "short": data[:-9], "flipped": data[:-1] + bytes([data[-1] ^ 1]), "noise": b"\xff" * 64}
    path.write_bytes(changed[damage])
    assert value(scaled(2.0)) == 6.0
    assert len(made) == 2
    assert path.read_bytes() == data


def test_clearing_deletes_the_entries_and_nothing_else(folder: Path) -> None:
    value(scaled(2.0))
    other = folder / "notes.txt"
    other.write_text("mine")
    assert cache.clear() == 1
    assert list(folder.iterdir()) == [other]
    assert (cache.info().files, cache.info().bytes, cache.info().directory) == (0, 0, str(folder))


def test_the_oldest_entries_go_when_the_cache_is_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value(scaled(1.0))
    size = cache.info().bytes
    monkeypatch.setattr(cache, "LIMIT", int(3.5 * size))
    for k in range(2, 7):
        value(scaled(float(k)))
        assert cache.info().bytes <= 3.5 * size
    assert 1 <= cache.info().files <= 3


def test_a_large_cache_is_looked_at_now_and_then() -> None:
    """Once for each 64th of what may be kept, on average; a file as large as that makes it sure."""
    names = [hashlib.sha256(str(k).encode()).hexdigest() for k in range(20_000)]
    looks = sum(cachedir.is_due(name, 1 / 6400) for name in names)
    assert looks == pytest.approx(200, abs=4 * 200**0.5)
    assert all(cachedir.is_due(name, 1 / 64) for name in names)


def test_without_permission_nothing_is_written(folder: Path) -> None:
    value(scaled(2.0), CompileOptions(cache=False))
    assert not folder.exists()


def test_a_directory_that_cannot_be_made_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIFFLANG_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert value(scaled(2.0)) == 6.0
    assert cache.info().files == 0
