"""Indices near the ends of `int`: what wraps around on the way to an index is out of range, and is told as that."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl

LARGEST = 2**63 - 1

MODULE = dl.loads("""
fn shifted(x: real[n], k: int) -> real = sum((x[i + k] if k >= 0 and i + k < n else 0.0) for i in 0..n)
fn after(x: real[n], k: int) -> real = x[k + 1] if k >= 0 and k + 1 < n else 0.0
fn before(x: real[n], k: int) -> real = x[k - 1] if k - 1 >= 0 and k < n else 0.0
fn clamped(x: real[n], k: int) -> real = x[max(k, 0) + 1]
fn in_branch(x: real[n], k: int) -> real:
    var s = 0.0
    if k < 3:
        s = sum(cumsum(x[0:k]))
    return s + x[max(k, 0) + 1]
fn part(x: real[n], k: int) -> real = sum(x[k:k + 2])
fn behind(x: real[n], k: int) -> real = sum(x[k + 1:n])
""")


@pytest.mark.parametrize(
    ("name", "k"),
    [
        ("shifted", LARGEST),
        ("after", LARGEST),
        ("before", -LARGEST - 1),
        ("clamped", LARGEST),
        ("in_branch", LARGEST),
        ("part", LARGEST),
        ("part", LARGEST - 1),
        ("behind", LARGEST),
    ],
)
def test_an_index_that_wraps_around(name, k, run):
    with pytest.raises(dl.DiffLangError) as caught:
        MODULE[name].on(backend=run.backend)(np.ones(8), k)
    assert caught.value.code == "E0801"


def test_indices_that_do_not(run):
    x = np.arange(8.0)
    values = [MODULE[name].on(backend=run.backend)(x, 3) for name in ("shifted", "after", "before", "clamped", "part")]
    assert values == [sum(x[3:]), 4, 2, 4, 7]


SHAPES = dl.loads("""
fn rows(x: real[n], k: int) -> real:
    let y = reshape(x, (k, 8))
    return y[k - 1, 7]
fn cube(x: real[n], k: int) -> real:
    let y = reshape(x[0:0], (k, 4, k))
    return y[0, 1, k // 2]
fn nothing(x: real[n], k: int) = [x[0] * i + j for i in 0..0, j in 0..k]
""")


@pytest.mark.parametrize(
    ("name", "k", "code"), [("rows", 2**61 + 1, "E0809"), ("cube", 2**31, "E0809"), ("nothing", 2**62, "E0807")]
)
def test_a_number_of_elements_that_wraps_around(name, k, code, run):
    """8 (2^61 + 1) = 8 and 4 (2^31)^2 = 0, modulo 2^64."""
    with pytest.raises(dl.DiffLangError) as caught:
        SHAPES[name].on(backend=run.backend)(np.ones(8), k)
    assert caught.value.code == code


def test_a_number_of_elements_that_does_not(run):
    assert SHAPES.rows.on(backend=run.backend)(np.arange(16.0), 2) == 15
