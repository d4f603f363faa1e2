"""`difflang bench`: what is timed, and what the figures mean."""

from __future__ import annotations

import time

import numpy as np
import pytest

WAIT = """\
fn main(x: real, n: int) -> real:
    var y = x
    for i in 0..n:
        y = 3.7 * y * (1 - y)
    return y
"""


def test_the_bytes_are_those_of_arguments_and_results(difflang):
    document = difflang("bench one.dl -f dots x=[1,2,3] y=[4,5,6] --budget 0 --format json").json
    assert {name: timing["array_bytes"] for name, timing in document.items()} == {
        "value": 2 * 3 * 8,
        "gradient": 3 * 3 * 8,
        "jvp": 3 * 3 * 8,
    }
    assert {timing["runs"] for timing in document.values()} == {5}
    assert document["value"]["per_value"] == 1.0


def test_the_times_fit_into_the_clock(difflang, folder):
    (folder / "wait.dl").write_text(WAIT)
    start = time.perf_counter()
    short, long = (difflang(f"bench wait.dl x=0.5 n={n} --budget 0.2 --format json").json for n in (10**4, 10**6))
    elapsed = time.perf_counter() - start
    compiling = sum(timing["compile_seconds"] for document in (short, long) for timing in document.values())
    running = sum(timing["seconds"] for document in (short, long) for timing in document.values())
    assert 0 < compiling + running < elapsed


def test_the_arguments_and_the_parameters_of_the_derivative(difflang, folder):
    np.save(folder / "x.npy", np.ones(1000))
    document = difflang("bench one.dl -f dots --wrt x,y x=@x.npy y=@x.npy --budget 0 --format json").json
    assert {name: timing["array_bytes"] for name, timing in document.items()} == {
        "value": 16000,
        "gradient": 32000,
        "jvp": 32000,
    }


COUNTED = """\
fn dotted(a: real[n], b: real[n]) -> real = sum(a[i] * b[i] for i)
fn product(a: real[n, n], b: real[n, n]) -> real[n, n] = a @ b
fn exponentials(a: real[n]) -> real[n] = exp(a)
"""


@pytest.mark.parametrize(
    ("function", "shape", "flops", "moved"),
    [
        ("dotted", (500,), 2 * 500, 2 * 8 * 500),
        ("product", (64, 64), 2 * 64**3, 3 * 8 * 64**2),
        ("exponentials", (500,), 20 * 500, 2 * 8 * 500),
    ],
)
def test_flops_and_bytes_that_everybody_knows(difflang, folder, function, shape, flops, moved):
    """The product is one call of a library; an exponential counts as 20 flops."""
    (folder / "counted.dl").write_text(COUNTED)
    np.save(folder / "a.npy", np.ones(shape))
    second = "" if function == "exponentials" else "b=@a.npy"
    document = difflang(f"bench counted.dl -f {function} a=@a.npy {second} --budget 0 --format json").json
    assert (document["value"]["flops"], document["value"]["moved_bytes"]) == (flops, moved)
    assert not document["value"]["estimated"]
    assert document["value"]["of_peak"] > 0


def test_the_table(difflang):
    ran = difflang("bench one.dl -f total x=[1,2] --budget 0")
    assert (ran.status, ran.err) == (0, "")
    assert [line.split()[:1] for line in ran.out.splitlines()[1:]] == [["value"], ["gradient"], ["jvp"]]
    assert len({len(line) for line in ran.out.splitlines()}) == 1


@pytest.mark.parametrize(
    ("line", "missing", "reason"),
    [
        ("-f double k=3", {"gradient", "jvp"}, "`k` is an int"),
        ("-f shift line.slope=1 line.offset=2 x=3", {"gradient"}, "real result"),
        ("-f slow", {"gradient", "jvp"}, "no parameters"),
    ],
)
def test_derivatives_that_do_not_exist_are_told_of(difflang, folder, line, missing, reason):
    text = (folder / "one.dl").read_text().replace("4000000000", "10")
    (folder / "one.dl").write_text(text)
    document = difflang(f"bench one.dl {line} --budget 0 --format json").json
    assert {name for name, timing in document.items() if "problem" in timing} == missing
    assert all(reason in document[name]["problem"] for name in missing)


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("bench one.dl", 2, "E0601"),
        ("bench one.dl width=3 --wrt height", 2, "E0601"),
        ("bench one.dl width=3 --wrt nope", 2, "E0602"),
        ("bench one.dl depth=3 width=3", 2, "E0602"),
        ("bench one.dl -f nope", 2, "E0903"),
        ("bench one.dl -f checked x=-1", 1, "E0803"),
        ("bench one.dl width=3 --budget -1", 2, "E0902"),
    ],
)
def test_mistakes(difflang, line, status, code):
    ran = difflang(f"{line} --format json")
    assert (ran.status, ran.json[0]["code"]) == (status, code)


def test_what_the_program_prints_is_not_shown(difflang):
    assert "done" not in difflang("bench one.dl -f loud n=2 --budget 0").out
