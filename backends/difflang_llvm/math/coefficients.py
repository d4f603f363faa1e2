"""Polynomial coefficients, constant term first. Made by benchmarks/elementary_coefficients.py."""

from __future__ import annotations


def _table(text: str) -> tuple[float, ...]:
    return tuple(float.fromhex(word) for word in text.split())


EXP = _table(
    """
    0x1.0000000000000p-1
    0x1.5555555555557p-3
    0x1.5555555555556p-5
    0x1.11111111100dep-7
    0x1.6c16c16c162d6p-10
    0x1.a01a01abe683ap-13
    0x1.a01a01a6d7b19p-16
    0x1.71de02364614ap-19
    0x1.27e4db6718a69p-22
    0x1.af4ddfbb33a59p-26
    0x1.1f72fdb6c6442p-29
    """
)
"""(exp r - 1 - r) / r^2 for |r| <= ln(2)/2; error 2^-61.4"""


LOG = _table(
    """
    0x1.5555555555555p-1
    0x1.9999999999a38p-2
    0x1.2492492476ba1p-2
    0x1.c71c72017a15cp-3
    0x1.745cf8f6c9119p-3
    0x1.3b1c38474d3eep-3
    0x1.0fbe478772696p-3
    0x1.0c06cf14c641bp-3
    """
)
"""(2 atanh(s) / s - 2) / z, z = s^2, for s up to (sqrt 2 - 1) / (sqrt 2 + 1); error 2^-59.7"""


SIN = _table(
    """
    -0x1.5555555555555p-3
    0x1.1111111111110p-7
    -0x1.a01a01a019936p-13
    0x1.71de3a5460533p-19
    -0x1.ae64541251e39p-26
    0x1.61217eaffbfdbp-33
    -0x1.ab179e14267cdp-41
    """
)
"""(sin r - r) / r^3 as a polynomial in r^2, for |r| <= pi/4; error 2^-57.3"""


COS = _table(
    """
    0x1.5555555555555p-5
    -0x1.6c16c16c16c16p-10
    0x1.a01a01a019d09p-16
    -0x1.27e4fb7712b8cp-22
    0x1.1eed8deb644b7p-29
    -0x1.9394b9bb6e16dp-37
    0x1.ab782b04de8dep-45
    """
)
"""(cos r - 1 + r^2/2) / r^4 as a polynomial in r^2, for |r| <= pi/4; error 2^-60.0"""


ATAN = _table(
    """
    -0x1.5555555555555p-2
    0x1.9999999999953p-3
    -0x1.249249248d7e6p-3
    0x1.c71c71c3045bap-4
    -0x1.745d165de250bp-4
    0x1.3b1392d7e8f74p-4
    -0x1.110e87e6a8722p-4
    0x1.e19a10824a50bp-5
    -0x1.ac7a7bd8f05c0p-5
    0x1.74dd67f0d3109p-5
    -0x1.1b32a3266af2ep-5
    0x1.0ad10221730d6p-6
    """
)
"""(atan t - t) / t^3 as a polynomial in t^2, for |t| <= tan(pi/8); error 2^-58.2"""


ASIN = _table(
    """
    0x1.5555555555556p-3
    0x1.3333333332ecap-4
    0x1.6db6db6e31f13p-5
    0x1.f1c71c1db0623p-6
    0x1.6e8bb1c8209a2p-6
    0x1.1c4d35cf95421p-6
    0x1.c9cf07674736ap-7
    0x1.782651caa6547p-7
    0x1.52420b04b37bep-7
    0x1.65a9c4dfcf8b2p-8
    0x1.1d189408314eep-6
    -0x1.e6aaa8a0a04ccp-7
    0x1.d72b2bc8155f8p-6
    """
)
"""(asin t - t) / t^3 as a polynomial in t^2, for |t| <= 1/2; error 2^-57.4"""


TWO_OVER_PI_WORDS = tuple(
    int(word, 16)
    for word in """
    a2f9836e4e441529
    fc2757d1f534ddc0
    db6295993c439041
    fe5163abdebbc561
    b7246e3a424dd2e0
    06492eea09d1921c
    fe1deb1cb129a73e
    e88235f52ebb4484
    e99c7026b45f7e41
    3991d639835339f4
    9c845f8bbdf9283b
    1ff897ffde05980f
    ef2f118b5a0a6d1f
    6d367ecf27cb09b7
    4f463f669e5fea2d
    7527bac7ebe5f17b
    3d0739f78a5292ea
    6bfb5fb11f8d5d08
    56033046fc7b6bab
    f0cfbc209af4361d
    a9e391615ee61b08
    """.split()
)
"""The bits of 2/pi behind the point, most significant word first."""
