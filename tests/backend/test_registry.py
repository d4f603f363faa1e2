"""A stranger's backend comes through the same door as those of the project: installed, found, used, proven."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import difflang
from difflang.backend import registry
from difflang.backend.conformance import cases, check

SAMPLE = Path(__file__).parent / "sample_backend"
BROKEN = {
    "needs_more": "import a_package_that_nobody_has\n",
    "no_backend": "BACKEND = 3\n",
    "no_object": "OTHER = 3\n",
    "fails": "raise RuntimeError('no device')\n",
    "wrong_text": "def (\n",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample package, built and installed without a network into a folder of its own."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for file in SAMPLE.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            copy = source / file.relative_to(SAMPLE)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(file.read_bytes())
    offline = ["--no-build-isolation", "--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(source)],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    for name, text in BROKEN.items():
        (target / f"{name}_module.py").write_text(text)
    info = target / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    lines = "".join(f"{name} = {name}_module:BACKEND\n" for name in BROKEN)
    (info / "entry_points.txt").write_text(f"[difflang.backends]\n{lines}")
    return target


@pytest.fixture(autouse=True)
def on_the_path(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(installed))
    registry.forget()
    yield
    registry.forget()


def test_installed_backends_are_found() -> None:
    assert {"reference", "llvm", "counting"} <= set(registry.names())


def test_it_runs_programs() -> None:
    module = difflang.loads("fn f(x: real[n]) -> real = sum(exp(x[i]) for i)")
    x = np.array([0.0, 1.0, 2.0])
    counted = module.f.on(backend="counting")
    assert counted(x) == pytest.approx(np.exp(x).sum())
    assert registry.get("counting").counts["exp"] == 3
    np.testing.assert_allclose(difflang.grad(counted)(x), np.exp(x))


def test_it_has_a_stage_of_its_own() -> None:
    text = difflang.loads("fn f(x: real) -> real = exp(x) * exp(2 * x)").f.on(backend="counting").emit("counts")
    assert "exp 2" in text


def test_it_passes_the_suite() -> None:
    for case in cases():
        check(registry.get("counting"), case)


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(difflang.DiffLangError) as failure:
        registry.get("countign")
    assert failure.value.code == "E0906"
    assert "`counting`" in (failure.value.hint or "")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_backend_gives_a_diagnostic(name: str) -> None:
    with pytest.raises(difflang.DiffLangError) as failure:
        registry.get(name)
    assert failure.value.code == "E0906"
    assert name in failure.value.diagnostic.message


def test_backends_are_imported_when_they_are_used() -> None:
    script = "import sys, difflang.backend.registry as r; r.names(); print('difflang_llvm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
