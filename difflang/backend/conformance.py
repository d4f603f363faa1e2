"""A suite that shows whether a backend computes what Core means, for the tests of any backend, built-in or not.

    import pytest
    from difflang.backend.conformance import Case, cases, check

    @pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
    def test_conformance(case: Case) -> None:
        check(MY_BACKEND, case)

A case is a function in the text of Core with arguments and what must come out: values, printed lines, or the code of a
failure. Values of primitives are those of their records; all others are written out or are NumPy's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from difflang.backend import samples
from difflang.backend.protocol import Backend, CompileOptions, Value
from difflang.backend.samples import Case
from difflang.core.parser import parse_func
from difflang.core.verifier import verify
from difflang.diagnostics.model import DiffLangError

__all__ = ["Case", "RecordingHost", "cases", "check"]


@dataclass
class RecordingHost:
    """A host that keeps what a program prints and reports; its one external function, `twice`, doubles."""

    lines: list[str] = field(default_factory=list[str])
    figures: list[dict[str, Value]] = field(default_factory=list[dict[str, Value]])

    def print(self, text: str) -> None:
        self.lines.append(text)

    def report(self, figures: Mapping[str, Value]) -> None:
        self.figures.append(dict(figures))

    def extern(self, name: str, args: Sequence[Value]) -> Sequence[Value]:
        if name != "twice":
            raise KeyError(name)
        return [np.multiply(arg, 2) for arg in args]


def cases() -> list[Case]:
    """All cases, in a fixed order and with distinct names."""
    return [*samples.primitives(), *samples.structures(), *samples.effects(), *samples.failures()]


def check(backend: Backend, case: Case, options: CompileOptions | None = None) -> None:
    """Runs a case. Raises AssertionError, with the text of the function, where the backend does something else."""
    func = parse_func(case.text)
    verify(func)
    options = options or CompileOptions(check_nan=case.check_nan, cache=False)
    host = RecordingHost()
    try:
        results = backend.compile(func, options)([_own(arg) for arg in case.args], host)
    except DiffLangError as failure:
        _require(failure.code == case.failure, case, f"it failed with {failure.code}: {failure.diagnostic.message}")
        return
    _require(case.failure is None, case, f"it should fail with {case.failure}, but returned {results}")
    _require(host.lines == list(case.lines), case, f"it printed {host.lines}")
    _require(len(host.figures) == len(case.figures), case, f"it reported {host.figures}")
    for found, wanted in zip(host.figures, case.figures, strict=True):
        _require(dict(found) == dict(wanted), case, f"it reported {found}")
    _compare(case, results)


def _compare(case: Case, results: Sequence[Value]) -> None:
    _require(len(results) == len(case.expected), case, f"it gave {len(results)} results, not {len(case.expected)}")
    for k, (found, wanted) in enumerate(zip(results, case.expected, strict=True)):
        array, model = np.asarray(found), np.asarray(wanted)
        _require(array.dtype == model.dtype, case, f"result {k} has type {array.dtype}, not {model.dtype}")
        _require(array.shape == model.shape, case, f"result {k} has shape {array.shape}, not {model.shape}")
        tolerance = case.tolerance * float(np.finfo(model.dtype).eps) if model.dtype.kind == "f" else 0.0
        same = np.allclose(array, model, rtol=tolerance, atol=tolerance * case.scale, equal_nan=True)
        _require(same, case, f"result {k} is {array}, not {model}")


def _own(value: Value) -> Value:
    """A copy, so that a backend that writes into its arguments is found out by the next case at the latest."""
    return np.array(value) if isinstance(value, np.ndarray) else value


def _require(holds: bool, case: Case, message: str) -> None:
    if not holds:
        arguments: Any = list(case.args)
        raise AssertionError(f"{case.name}: {message}\narguments: {arguments}\n{case.text}")
