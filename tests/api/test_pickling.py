"""Modules, functions and errors on their way to another process, and their copies."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import difflang as dl

TEXT = """
extern fn outside(x: real) -> real
rule jvp outside(x, dx) = dx
fn square(x: real[n]) -> real = sum(x * x)
fn mixed(x: real[n]) -> real = square(x) + outside(1.0)
fn pick(x: real[n], i: int) -> real = x[i]
"""
X = np.arange(3.0)


def sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.fixture(params=[copy.copy, copy.deepcopy, sent], ids=["copy", "deepcopy", "pickle"])
def carry(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return request.param


@pytest.fixture(scope="module")
def m() -> dl.Module:
    module = dl.loads(TEXT).bind(outside=math.sin)
    module.square(X)  # what is compiled must not be in the way
    return module


def test_modules_are_carried_with_what_is_bound(m: dl.Module, carry: Callable[[Any], Any]) -> None:
    assert carry(m).mixed.on(backend="reference")(X) == 5 + math.sin(1)


def test_functions_keep_their_options_and_their_module(m: dl.Module, carry: Callable[[Any], Any]) -> None:
    first, second = carry((m.square, dl.grad(m.square.on(backend="reference", precision="f32"))))
    assert second.options.precision == "f32"
    np.testing.assert_array_equal(second(X.astype("f4")), 2 * X)
    assert first.engine is second.engine


def test_curves_are_carried(m: dl.Module, carry: Callable[[Any], Any]) -> None:
    assert carry(dl.jet(m.square.on(backend="reference")))((X, X)) == (5, 10)


def test_a_module_finds_its_files_from_elsewhere(tmp_path, monkeypatch) -> None:
    (tmp_path / "part.dl").write_text("const three = 3.0\n")
    (tmp_path / "whole.dl").write_text("import part\nfn f(x: real) -> real = x * part.three\n")
    monkeypatch.chdir(tmp_path)
    kept = pickle.dumps(dl.load("whole.dl"))
    monkeypatch.chdir("/")
    assert pickle.loads(kept).f.on(backend="reference")(2.0) == 6


def test_errors_are_carried_with_their_places(m: dl.Module, carry: Callable[[Any], Any]) -> None:
    """A pool of processes waits for ever where an exception of a worker cannot be read."""
    with pytest.raises(dl.DiffLangError) as caught:
        m.pick.on(backend="reference")(X, 7)
    carried = carry(caught.value)
    assert (carried.code, str(carried)) == ("E0801", str(caught.value))
    with pytest.raises(dl.DiffLangError) as caught:
        m["nothing"]
    assert isinstance(carry(caught.value), AttributeError)
