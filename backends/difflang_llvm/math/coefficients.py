"""Polynomial coefficients, constant term first. Made by benchmarks/elementary_coefficients.py."""

from __future__ import annotations


def _table(text: str) -> tuple[float, ...]:
    return tuple(float.fromhex(word) for word in text.split())


EXP = _table(
    """
    0x1.0000000000000p-1 0x1.5555555555557p-3 0x1.5555555555556p-5
    0x1.11111111100dep-7 0x1.6c16c16c162d6p-10 0x1.a01a01abe683ap-13
    0x1.a01a01a6d7b19p-16 0x1.71de02364614ap-19 0x1.27e4db6718a69p-22
    0x1.af4ddfbb33a59p-26 0x1.1f72fdb6c6442p-29
    """
)
"""(exp r - 1 - r) / r^2 for |r| <= ln(2)/2; error 2^-61.4"""


LOG = _table(
    """
    0x1.5555555555555p-1 0x1.9999999999a38p-2 0x1.2492492476ba1p-2
    0x1.c71c72017a15cp-3 0x1.745cf8f6c9119p-3 0x1.3b1c38474d3eep-3
    0x1.0fbe478772696p-3 0x1.0c06cf14c641bp-3
    """
)
"""(2 atanh(s) / s - 2) / z, z = s^2, for s up to (sqrt 2 - 1) / (sqrt 2 + 1); error 2^-59.7"""


SIN = _table(
    """
    -0x1.5555555555555p-3 0x1.1111111111110p-7 -0x1.a01a01a019936p-13
    0x1.71de3a5460533p-19 -0x1.ae64541251e39p-26 0x1.61217eaffbfdbp-33
    -0x1.ab179e14267cdp-41
    """
)
"""(sin r - r) / r^3 as a polynomial in r^2, for |r| <= pi/4; error 2^-57.3"""


COS = _table(
    """
    0x1.5555555555555p-5 -0x1.6c16c16c16c16p-10 0x1.a01a01a019d09p-16
    -0x1.27e4fb7712b8cp-22 0x1.1eed8deb644b7p-29 -0x1.9394b9bb6e16dp-37
    0x1.ab782b04de8dep-45
    """
)
"""(cos r - 1 + r^2/2) / r^4 as a polynomial in r^2, for |r| <= pi/4; error 2^-60.0"""


ATAN = _table(
    """
    -0x1.5555555555555p-2 0x1.9999999999953p-3 -0x1.249249248d7e6p-3
    0x1.c71c71c3045bap-4 -0x1.745d165de250bp-4 0x1.3b1392d7e8f74p-4
    -0x1.110e87e6a8722p-4 0x1.e19a10824a50bp-5 -0x1.ac7a7bd8f05c0p-5
    0x1.74dd67f0d3109p-5 -0x1.1b32a3266af2ep-5 0x1.0ad10221730d6p-6
    """
)
"""(atan t - t) / t^3 as a polynomial in t^2, for |t| <= tan(pi/8); error 2^-58.2"""


ASIN = _table(
    """
    0x1.5555555555556p-3 0x1.3333333332ecap-4 0x1.6db6db6e31f13p-5
    0x1.f1c71c1db0623p-6 0x1.6e8bb1c8209a2p-6 0x1.1c4d35cf95421p-6
    0x1.c9cf07674736ap-7 0x1.782651caa6547p-7 0x1.52420b04b37bep-7
    0x1.65a9c4dfcf8b2p-8 0x1.1d189408314eep-6 -0x1.e6aaa8a0a04ccp-7
    0x1.d72b2bc8155f8p-6
    """
)
"""(asin t - t) / t^3 as a polynomial in t^2, for |t| <= 1/2; error 2^-57.4"""


LOG_TAIL = _table(
    """
    0x1.999999999999ap-2 0x1.2492492492491p-2 0x1.c71c71c71cfdep-3
    0x1.745d174512f5ep-3 0x1.3b13b1bcae4fap-3 0x1.1110df9bb9145p-3
    0x1.e1f80050fe02dp-4 0x1.ac4a0689e4f11p-4 0x1.b8d8d83f51283p-4
    """
)
"""((2 atanh(s) / s - 2) / z - 2/3) / z, z = s^2, for s up to (sqrt 2 - 1) / (sqrt 2 + 1); error 2^-65.5"""


CBRT = _table(
    """
    0x1.b178987ef28d0p-2 0x1.0c43e5051c3d1p+0 -0x1.a3e661e8cd3c7p-1
    0x1.fb63f6938d5a1p-2 -0x1.6098ff24bf0c4p-3 0x1.a2cf6c7270035p-6
    """
)
"""a first approximation of the cube root for sqrt(1/2) <= m < sqrt(2); error 2^-19.1"""


ERF = _table(
    """
    0x1.06eba8214db69p-3 -0x1.812746b0379e7p-2 0x1.ce2f21a042bdep-4
    -0x1.b82ce312889bap-6 0x1.565bcd0e6502dp-8 -0x1.c02db3feeb579p-11
    0x1.f9a326c233146p-14 -0x1.f4d2561aeafd4p-17 0x1.b9e6509b9867dp-20
    -0x1.5f6d925a0bc7ap-23 0x1.fc4356498c2d9p-27 -0x1.4e607b41a6416p-30
    0x1.7f072188e194dp-34 -0x1.29b9f1b3df556p-38
    """
)
"""erf(x) / x - 1 as a polynomial in x^2, for |x| <= 1; error 2^-56.2"""


ERFC = _table(
    """
    0x1.45d86a53a8e7ep-2 -0x1.0c73abe389242p-1 0x1.f9fc676b66985p-2
    -0x1.67ed3b78d021ep-2 0x1.985d4c3a5657dp-3 -0x1.716d5511f5900p-4
    0x1.fed3a0e6eb74cp-6 -0x1.d64126e815273p-8 0x1.cbb6f7d4037e3p-12
    0x1.a4d6cbdedcec8p-12 -0x1.360bf7ff03cafp-13 0x1.c32c9b1147401p-20
    0x1.b2466b022b99dp-17 -0x1.4902a843bffb8p-19 -0x1.e92bcc53eba6cp-21
    0x1.820223831efc3p-22 0x1.0e11f662a474cp-24 -0x1.722b496190207p-25
    -0x1.5ef564adfe6f8p-28 0x1.3d74712645051p-28 0x1.31c1e47d75d12p-31
    -0x1.7291cedbf885ap-32 -0x1.d91a6d2e8620bp-35
    """
)
"""q with ((1 + 103/64 x) exp(x^2) erfc(x) - 1) / u = ERFC_LIMIT + (1 - u) q as a polynomial in 9/4 u - 1,
u = x / (x + 4), for 0 <= x <= 27; error 2^-57.1"""


LGAMMA_ONE = _table(
    """
    -0x1.2788cfc6fb619p-1 0x1.a51a6625307d3p-1 -0x1.9a4d55beab2d7p-2
    0x1.151322ac7d7ffp-2 -0x1.a8b9c17aa60bbp-3 0x1.5b40cb1012ee8p-3
    -0x1.2703a1dcf0caap-3 0x1.010b36ad308c3p-3 -0x1.c8067068cca4ap-4
    0x1.9a01e4708549bp-4 -0x1.748c33f5abae8p-4 0x1.556ab92d25809p-4
    -0x1.3b1d7ae2995a8p-4 0x1.249947c51cacdp-4 -0x1.11158c1fdbb72p-4
    0x1.ffbab199937d5p-5 -0x1.e19d7002769f2p-5 0x1.ca0e84ce19831p-5
    -0x1.b205eba2aa1cap-5 0x1.832d69e7b9647p-5 -0x1.704750de46b56p-5
    0x1.ef30ba1e39859p-5 -0x1.dbac65c406551p-5 -0x1.0d146791abc14p-6
    0x1.0e8845c6d5c5ep-6 0x1.887e0cf550906p-3 -0x1.7d048085d6e22p-3
    -0x1.be25a373b539ep-3 0x1.b268ff214c073p-3 0x1.fdb4af7f8d674p-3
    -0x1.ef37cad0a48dap-3
    """
)
"""log gamma(1 + t) / t for |t| <= 1/2; error 2^-55.7"""
LGAMMA_ONE_REST = float.fromhex("0x1.6cb90701fbfabp-58")
"""What rounding took from its first term."""


LGAMMA_TWO = _table(
    """
    0x1.b0ee6072093cep-2 0x1.4a34cc4a60fa6p-2 -0x1.13e001a557606p-4
    0x1.51322ac7d849bp-6 -0x1.e404fc218f61fp-8 0x1.7add6eadb2c11p-9
    -0x1.38ac5c2bf50a2p-10 0x1.0b36af88b2884p-11 -0x1.d3fd4c7b8f6a9p-13
    0x1.a127af44aaf71p-14 -0x1.78de5a3d2d4d3p-15 0x1.580e260121a51p-16
    -0x1.3cbce9a3c4ad1p-17 0x1.258c9651dbedcp-18 -0x1.11a85684e8499p-19
    0x1.01462b5944f7dp-20 -0x1.e40f95a8192dep-22 0x1.b1a8c8bf04f15p-23
    -0x1.9a854795e5fe9p-24 0x1.15fea8732cd9fp-24 -0x1.091589d02d1a3p-25
    """
)
"""log gamma(2 + t) / t for |t| <= 1/2; error 2^-56.4"""
LGAMMA_TWO_REST = float.fromhex("0x1.6cb90701fbfabp-58")
"""What rounding took from its first term."""


LGAMMA_MIDDLE = _table(
    """
    -0x1.eeb95b094c191p-4 0x1.2aed059bd608bp-5 0x1.de9e64df22ef3p-2
    -0x1.1ae55b18072dbp-3 0x1.e0f840dad62f1p-5 -0x1.da59d53719d74p-6
    0x1.f9ca39da6c120p-7 -0x1.1a8ba516ee219p-7 0x1.456f1b064c185p-8
    -0x1.7edb619def02bp-9 0x1.c9733323ea935p-10 -0x1.14919cf56c3acp-10
    0x1.5185b301be9d0p-11 -0x1.9d04ccbd7af66p-12 0x1.ff0a5d852f34fp-13
    -0x1.62dd4a9d8e172p-13 0x1.bbd8bfce13a62p-14
    """
)
"""log gamma(3/2 + u) for |u| <= 1/4; error 2^-54.3"""
LGAMMA_MIDDLE_REST = float.fromhex("-0x1.346863f58b075p-58")
"""What rounding took from its first term."""


STIRLING = _table(
    """
    0x1.5555555555555p-4 -0x1.6c16c16c158d5p-9 0x1.a01a01972a46dp-11
    -0x1.38137a91f1e1ap-11 0x1.b94f3f8034d19p-11 -0x1.f658912c843ebp-10
    0x1.a0b659205e766p-8 -0x1.ca9aeccab73d5p-6 0x1.2736f4268abb5p-3
    -0x1.7f275b4a19aedp-1 0x1.b65ba28dd74f2p+1 -0x1.8cde48454b486p+3
    0x1.0118b1c0c7c41p+5 -0x1.a0571acb3314bp+5 0x1.39a2a09b2f5d2p+5
    """
)
"""x (log gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2) as a polynomial in 1/x^2, for x >= 5/2; error 2^-59.1"""


DIGAMMA = _table(
    """
    0x1.e6f0cbb873616p-1 -0x1.b1cb63005ee96p-2 0x1.eca189b8e6f6bp-3
    -0x1.2feeeb98a7e3bp-3 0x1.8512e59039755p-4 -0x1.fb44202998421p-5
    0x1.4de9aa171d4f1p-5 -0x1.b9f8b150319bep-6 0x1.2564719b647f6p-6
    -0x1.8635590c51b36p-7 0x1.03c0a66a51d79p-7 -0x1.5a080a0c910c7p-8
    0x1.cd21ec3822247p-9 -0x1.33509143e91d9p-9 0x1.99ad0ee9dc8efp-10
    -0x1.114473f891255p-10 0x1.6c54ff0d1eadcp-11 -0x1.e180e42b99c3fp-12
    0x1.40fe975bfeb32p-12 -0x1.cd69c63d3128dp-13 0x1.339b353c4e40cp-13
    -0x1.e41a00b3ac2a3p-15 0x1.42bb9b1ed47b3p-15 -0x1.6011fd68d65b0p-14
    0x1.d56d3c442d62ap-15
    """
)
"""digamma(3/2 + u) / (3/2 + u - r), r its positive root, for |u| <= 1/2; error 2^-54.1"""
DIGAMMA_REST = float.fromhex("0x1.8f70c7a125e6ap-55")
"""What rounding took from its first term."""


DIGAMMA_TAIL = _table(
    """
    0x1.5555555555554p-4 -0x1.1111111109e62p-7 0x1.041040eb6b06bp-8
    -0x1.1110fff770a6ap-8 0x1.f075bb607ec82p-8 -0x1.593636e943c74p-6
    0x1.5186623adf876p-4 -0x1.a966fb638e1f4p-2 0x1.344e133fb731dp+1
    -0x1.c59f1b96a8f96p+3 0x1.318d7f96efe83p+6 -0x1.5ea8e09c8d243p+8
    0x1.45d47e6a504d0p+10 -0x1.d5ccd8a45d646p+11 0x1.f59444d65bd73p+12
    -0x1.733d535894f38p+13 0x1.52f922c7da7ccp+13 -0x1.1eff058434261p+12
    """
)
"""x^2 (log x - 1 / (2x) - digamma(x)) as a polynomial in 1/x^2, for x >= 2; error 2^-59.1"""


EXP_SINGLE = _table(
    """
    0x1.0000000000000p-1 0x1.5555560000000p-3 0x1.5554ea0000000p-5
    0x1.1110e00000000p-7 0x1.6d43180000000p-10 0x1.a124e60000000p-13
    """
)
"""(exp r - 1 - r) / r^2 for |r| <= ln(2)/2; error 2^-30.4"""


LOG_SINGLE = _table(
    """
    0x1.5555540000000p-2 -0x1.fffffc0000000p-3 0x1.999d5a0000000p-3
    -0x1.555b4a0000000p-3 0x1.23d2140000000p-3 -0x1.fcf4a80000000p-4
    0x1.dea2c00000000p-4 -0x1.d636d00000000p-4 0x1.1d8f600000000p-4
    """
)
"""(log(1 + f) - f + f^2/2) / f^3 for sqrt(1/2) <= 1 + f < sqrt(2); error 2^-28.4"""


TANH_SINGLE = _table(
    """
    -0x1.5555560000000p-2 0x1.1111100000000p-3 -0x1.ba1b740000000p-5
    0x1.664aa20000000p-6 -0x1.222fdc0000000p-7 0x1.d303fa0000000p-9
    -0x1.6b04340000000p-10 0x1.f51c6c0000000p-12 -0x1.019fba0000000p-13
    0x1.13ff9c0000000p-16
    """
)
"""(tanh x - x) / x^3 as a polynomial in x^2, for |x| <= 1; error 2^-26.0"""


SIN_SINGLE = _table(
    """
    -0x1.5555520000000p-3 0x1.110c280000000p-7 -0x1.9ac95c0000000p-13
    """
)
"""(sin r - r) / r^3 as a polynomial in r^2, for |r| <= pi/4; error 2^-26.4"""


COS_SINGLE = _table(
    """
    0x1.5555540000000p-5 -0x1.6c12d20000000p-10 0x1.9bd8580000000p-16
    """
)
"""(cos r - 1 + r^2/2) / r^4 as a polynomial in r^2, for |r| <= pi/4; error 2^-30.7"""


ERFC_LIMIT = float.fromhex("-0x1.78dcbd6a66ee4p-4")
"""103/64 / sqrt(pi) - 1"""


DIGAMMA_ROOT = (
    float.fromhex("0x1.762d86356be3fp+0"),
    float.fromhex("0x1.b86a722197829p-54"),
)
"""The positive root of digamma, in two pieces."""


_WORDS = """
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
    """
TWO_OVER_PI_WORDS = tuple(int(word, 16) for word in _WORDS.split())
"""The bits of 2/pi behind the point, most significant word first."""
