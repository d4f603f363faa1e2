"""`difflang build`: a library that a C program calls."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAM = """\
## Half the mean squared distance.
fn loss(w: real[d], x: real[n, d], y: real[n]) -> real:
    assert n > 0, "there are no rows"
    return 0.5 * sum((dot(x[i], w) - y[i]) ** 2 for i) / n
struct Pair[n]: w: real[n]; b: real
fn step(p: Pair[n], rate: real) -> Pair[n] = Pair(w = p.w * rate, b = p.b)
fn pick(x: real[n], i: int) -> real = x[i]
fn squares(n: int) -> real[n] = [i * i for i in 0..n]
fn told(x: real) -> int:
    print("x is", x, [1, 2])
    return 3
fn twice(f: fn(real) -> real) -> real = f(f(1.0))
extern fn measure(x: real) -> real
fn calls(x: real) -> real = measure(x)
"""
MAIN = r"""
#include <stdio.h>
#include <stdlib.h>
#include <inttypes.h>
#include "model.h"

int main(void) {
    double w[2] = {1, -1}, x[6] = {1, 2, 3, 4, 5, 7}, y[3] = {0, 1, 1}, value, gradient[2], b, scaled[2];
    if (loss_grad(2, 3, w, x, y, &value, gradient)) return 1;
    printf("%.12g %.12g %.12g\n", value, gradient[0], gradient[1]);
    if (step(2, w, 5.0, 3.0, scaled, &b)) return 1;
    printf("%g %g %g\n", scaled[0], scaled[1], b);
    printf("%d %s\n", pick(3, y, 7, &value) != 0, difflang_message());
    printf("%d %s\n", loss(2, 0, w, x, y, &value) != 0, difflang_message());
    double *numbers; int64_t shape[1], count;
    if (squares(4, &numbers, shape)) return 1;
    printf("%" PRId64 " %g\n", shape[0], numbers[3]);
    free(numbers);
    if (told(0.1, &count)) return 1;
    printf("%" PRId64 "\n", count);
    return 0;
}
"""
EXPECTED = """\
2.33333333333 -7.33333333333 -10.3333333333
3 -3 5
1 model.dl:7:39: E0801: The index 7 is out of range: the size is 3.
1 model.dl:3:12: E0803: The assertion fails: there are no rows.
4 9
x is 0.1 [1, 2]
3
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_c_program_calls_the_library(difflang, folder: Path) -> None:
    (folder / "model.dl").write_text(PROGRAM)
    ran = difflang("build model.dl -o out --grad loss:w")
    assert ran.status == 0 and "`calls` is left out" in ran.err and "`twice` is left out" in ran.err
    (folder / "main.c").write_text(MAIN)
    library = next((folder / "out").glob("libmodel.*"))
    subprocess.run(["cc", "main.c", "-I", "out", str(library), "-o", "main"], check=True, timeout=60)
    done = subprocess.run(
        ["./main"], env={"LD_LIBRARY_PATH": "out"}, check=True, capture_output=True, text=True, timeout=60
    )
    assert sorted(done.stdout.splitlines()) == sorted(EXPECTED.splitlines())


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("build one.dl", 2, "E0902"),
        ("build none.dl -o out", 2, "E0907"),
        ("build wrong.dl -o out -f f", 1, "E0401"),
        ("build one.dl -o out -f totl", 2, "E0903"),
        ("build one.dl -o out --grad total", 2, "E0902"),
        ("build one.dl -o out --grad total:y", 2, "E0602"),
        ("build data.dl -o out -f main", 1, "E0913"),
        ("build one.dl -o one.dl/x -f total", 1, "E0710"),
    ],
)
def test_mistakes(difflang, line: str, status: int, code: str) -> None:
    ran = difflang(line)
    assert (ran.status, code in ran.err) == (status, True), ran.err


def test_wrong_functions_are_not_left_out(difflang, folder: Path) -> None:
    """All that is wrong is told with its place, and nothing is built; what is right but cannot stand alone has one."""
    (folder / "model.dl").write_text(PROGRAM + "fn wrong(x: real) -> real = y\nfn other(x: real) -> int = x\n")
    ran = difflang("build model.dl -o out")
    assert ran.status == 1 and "model.dl:15:29" in ran.err and "model.dl:16:28" in ran.err
    assert not (folder / "out").exists()


def test_what_is_left_out_has_a_place(difflang, folder: Path) -> None:
    (folder / "model.dl").write_text("fn f(x: real) -> real = x\nfn twice(g: fn(real) -> real) -> real = g(g(1.0))\n")
    ran = difflang("build model.dl -o out")
    assert ran.status == 0 and "model.dl:2:4: `twice` is left out" in ran.err


def test_external_functions_are_refused(difflang, folder: Path) -> None:
    (folder / "model.dl").write_text(PROGRAM)
    ran = difflang("build model.dl -o out -f calls")
    assert ran.status != 0 and "E0913" in ran.err and "measure" in ran.err


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_library_is_silent_about_residuals(difflang, folder: Path) -> None:
    (folder / "model.dl").write_text(
        "implicit fn root(a: real) -> w: real:\n    where w * w == a\n    return 0.9 * a\n"
        "fn f(a: real) -> real = root(a)\n"
    )
    assert difflang("build model.dl -o out -f f").status == 0
    main = '#include <stdio.h>\n#include "model.h"\n'
    main += 'int main(void) { double r; printf("%d", f(2.0, &r)); printf(" %g", r); return 0; }\n'
    (folder / "main.c").write_text(main)
    library = next((folder / "out").glob("libmodel.*"))
    subprocess.run(["cc", "main.c", "-I", "out", str(library), "-o", "main"], check=True, timeout=60)
    done = subprocess.run(["./main"], env={"LD_LIBRARY_PATH": "out"}, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0 1.8", "")


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_compressed_matrices_are_arrays_with_names(difflang, folder: Path) -> None:
    (folder / "sparse.dl").write_text(
        "fn f(x: real[n]) -> real = sum((x[i + 1] - x[i] ** 2) ** 2 for i in 0..n - 1)\n"
        "fn second(x: real[n]) = hessian(f, sparse = true)(x)\n"
    )
    ran = difflang("build sparse.dl -o out -f second")
    assert ran.status == 0, ran.err
    header = (folder / "out" / "sparse.h").read_text()
    parts = ("**result_rows", "**result_cols", "**result_values", "result_height", "result_width", "result_colours")
    assert all(part in header for part in parts)
