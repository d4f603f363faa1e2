"""Fourier transforms against numpy.fft, and their derivatives as linear maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import difflang as dl

Load = Callable[[str], Any]

PROGRAM = """
import fft
fn forward(re: real[n], im: real[n]) -> (real[n], real[n]) = fft.fft((re, im))
fn back(re: real[n], im: real[n]) -> (real[n], real[n]) = fft.ifft((re, im))
fn half(x: real[n]) = fft.rfft(x)
fn signal(re: real[m], im: real[m], n: int) -> real[n] = fft.irfft((re, im), n)
fn plane(re: real[n, m], im: real[n, m]) -> (real[n, m], real[n, m]) = fft.fft2((re, im))
fn plane_back(re: real[n, m], im: real[n, m]) -> (real[n, m], real[n, m]) = fft.ifft2((re, im))
fn frequencies(n: int, d: real) -> real[n] = fft.fftfreq(n, d)
fn half_frequencies(n: int, d: real) = fft.rfftfreq(n, d)
fn shifted(x: real[n]) -> real[n] = fft.fftshift(x)
fn unshifted(x: real[n]) -> real[n] = fft.ifftshift(x)
fn convolve(a: real[n], b: real[n]) -> real[n] = fft.convolve(a, b)
"""

LENGTHS = [1, 2, 3, 4, 7, 8, 12, 64, 97]


def pair(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return z.real.copy(), z.imag.copy()


def joined(z: Any) -> np.ndarray:
    return z[0] + 1j * z[1]


@pytest.mark.parametrize("n", LENGTHS)
def test_transforms(load: Load, matrices: Callable[..., np.ndarray], n: int) -> None:
    module, z = load(PROGRAM), matrices(n) + 1j * matrices(n, seed=1)
    np.testing.assert_allclose(joined(module.forward(*pair(z))), np.fft.fft(z), atol=1e-12)
    np.testing.assert_allclose(joined(module.back(*pair(z))), np.fft.ifft(z), atol=1e-13)
    np.testing.assert_allclose(joined(module.half(z.real.copy())), np.fft.rfft(z.real), atol=1e-12)
    half = np.fft.rfft(z.real) + 0.3j
    np.testing.assert_allclose(module.signal(*pair(half), n), np.fft.irfft(half, n), atol=1e-13)
    expected = np.fft.ifft(np.fft.fft(z.real) * np.fft.fft(z.imag)).real
    np.testing.assert_allclose(module.convolve(z.real.copy(), z.imag.copy()), expected, atol=1e-12)


def test_orders_of_frequencies(load: Load) -> None:
    module = load(PROGRAM)
    for n in (1, 2, 5, 8):
        np.testing.assert_allclose(module.frequencies(n, 0.5), np.fft.fftfreq(n, 0.5), rtol=1e-15)
        np.testing.assert_allclose(module.half_frequencies(n, 0.5), np.fft.rfftfreq(n, 0.5), rtol=1e-15)
        x = np.arange(float(n))
        np.testing.assert_array_equal(module.shifted(x), np.fft.fftshift(x))
        np.testing.assert_array_equal(module.unshifted(x), np.fft.ifftshift(x))


def test_two_dimensions(load: Load, matrices: Callable[..., np.ndarray]) -> None:
    module, z = load(PROGRAM), matrices(4, 6) + 1j * matrices(4, 6, seed=1)
    np.testing.assert_allclose(joined(module.plane(*pair(z))), np.fft.fft2(z), atol=1e-12)
    np.testing.assert_allclose(joined(module.plane_back(*pair(z))), np.fft.ifft2(z), atol=1e-13)


@pytest.mark.parametrize("n", [6, 8])
def test_the_cotangent_is_the_transform_with_the_other_sign(
    load: Load, matrices: Callable[..., np.ndarray], n: int
) -> None:
    forward = load(PROGRAM).forward
    z, seed = matrices(n) + 1j * matrices(n, seed=1), matrices(n, seed=2) + 1j * matrices(n, seed=3)
    _, cotangent = dl.vjp(forward, wrt=("re", "im"))(*pair(z), pair(seed))
    np.testing.assert_allclose(joined(cotangent), n * np.fft.ifft(seed), atol=1e-12)
    _, tangent = dl.jvp(forward, wrt=("re", "im"))(*pair(z), *pair(seed))
    np.testing.assert_allclose(joined(tangent), np.fft.fft(seed), atol=1e-12)
