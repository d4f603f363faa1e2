"""What each command does when all is well."""

from __future__ import annotations

import json

import numpy as np
import pytest


def test_run_prints_the_value(difflang):
    assert difflang("run one.dl width=3").out == "6.0\n"
    assert difflang("run one.dl width=3 height=0.5").out == "1.5\n"
    assert difflang("run one.dl -f total x=[1,2.5,3]").out == "6.5\n"
    assert difflang("run one.dl -f double k=-4").out == "-8\n"


def test_run_prints_parts_by_name(difflang):
    assert difflang("run one.dl -f both x=2 flag=false").out == "[0] = 4.0\n[1] = true\n"
    assert difflang("run one.dl -f shift line.slope=1 line.offset=2 x=3").out == "slope = 1.0\noffset = 5.0\n"


@pytest.mark.parametrize(
    ("line", "document"),
    [
        ("run one.dl width=3", {"value": 6.0, "type": "real"}),
        ("run one.dl -f both x=2 flag=false", {"value": [4.0, True], "type": "(real, bool)"}),
        (
            "run one.dl -f shift line.slope=1 line.offset=2 x=3",
            {"value": {"slope": 1.0, "offset": 5.0}, "type": "Line"},
        ),
        ("grad one.dl width=3", {"value": 6.0, "gradient": {"width": 2.0}}),
        ("grad one.dl --wrt width,height width=3 height=4", {"value": 12.0, "gradient": {"width": 4.0, "height": 3.0}}),
        ("grad one.dl -f dots --wrt y x=[1,2] y=[3,4]", {"value": 11.0, "gradient": {"y": [1.0, 2.0]}}),
        ("check one.dl", []),
    ],
)
def test_json(difflang, line, document):
    ran = difflang(f"{line} --format json")
    assert (ran.status, ran.json) == (0, document)


def test_grad_for_people(difflang):
    ran = difflang("grad one.dl -f dots --wrt x,y x=[1,2] y=[3,4]")
    assert ran.out == "value = 11.0\ngradient.x = [3., 4.]\ngradient.y = [1., 2.]\n"


def test_files_in_and_out(difflang, folder):
    np.save(folder / "x.npy", np.array([1.0, 2.0]))
    np.savez(folder / "line.npz", slope=2.0, offset=1)
    assert difflang("run one.dl -f total x=@x.npy").out == "3.0\n"
    ran = difflang("run one.dl -f shift line=@line.npz x=1 --out moved.npz --quiet")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    with np.load(folder / "moved.npz") as archive:
        assert {name: float(archive[name]) for name in archive.files} == {"slope": 2.0, "offset": 2.0}
    difflang("run one.dl -f both x=1 flag=true --out pair.json")
    assert json.loads((folder / "pair.json").read_text()) == {"0": 2.0, "1": False}
    difflang("grad one.dl width=3 --out g.npz")
    with np.load(folder / "g.npz") as archive:
        assert {name: float(archive[name]) for name in archive.files} == {"value": 6.0, "gradient.width": 2.0}


def test_reports_are_kept(difflang, folder):
    ran = difflang("run one.dl -f loud n=3 --log log.csv --plot plot.png")
    assert ran.out == "done 3\n3\n"
    assert (folder / "log.csv").read_text() == "step,half\n0,0.0\n1,0.5\n2,1.0\n"
    assert (folder / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert ran.err.splitlines()[-1] == "step 2  half 1"


def test_quiet_shows_no_progress_and_json_keeps_the_output_clean(difflang):
    assert difflang("run one.dl -f loud n=2 --quiet").err == ""
    ran = difflang("run one.dl -f loud n=2 --quiet --format json")
    assert ran.json == {"value": 2, "type": "int"} and ran.err == "done 2\n"


@pytest.mark.parametrize("backend", ["llvm", "reference"])
def test_backends_and_precision(difflang, backend):
    assert difflang(f"run one.dl -f root x=2 --backend {backend}").out == f"{np.sqrt(2.0)}\n"
    ran = difflang(f"run one.dl -f root x=2 --backend {backend} --precision f32")
    assert ran.out == str(np.sqrt(np.float32(2))) + "\n"


def test_check_reports_every_file(difflang):
    ran = difflang("check one.dl wrong.dl broken.dl --format json")
    assert ran.status == 1
    assert [record["file"] for record in ran.json] == ["wrong.dl", "broken.dl"]
    assert "1 file checked, no errors." in difflang("check one.dl").err


def test_test_runs_every_block(difflang):
    ran = difflang("test one.dl failing.dl")
    assert ran.status == 1
    assert "ok    one.dl: doubling" in ran.out and "ok    failing.dl: good" in ran.out
    assert "FAIL  failing.dl: bad" in ran.out and "two is more" in ran.err
    assert ran.out.endswith("2 passed, 1 failed\n")
    passed = {record["test"]: record["passed"] for record in difflang("test one.dl failing.dl --format json").json}
    assert passed == {"doubling": True, "good": True, "bad": False}


@pytest.mark.parametrize("stage", ["ast", "core", "opt", "loops", "llvm", "asm", "c"])
def test_emit(difflang, stage, folder):
    ran = difflang(f"emit one.dl -f total --stage {stage}")
    assert ran.status == 0 and len(ran.out) > 40
    difflang(f"emit one.dl -f total --stage {stage} --of grad --out stage.txt")
    assert (folder / "stage.txt").stat().st_size > 40


def test_explain(difflang):
    assert difflang("explain e0605").out.startswith("# E0605: ")
    assert "E0605  the shapes of the arguments do not fit" in difflang("explain").out
    assert difflang("explain E0605 --format json").json["code"] == "E0605"


def test_doctor(difflang):
    ran = difflang("doctor --format json")
    assert ran.status == 0 and ran.json["backend llvm"] == "works" and ran.json["backend reference"] == "works"
    assert difflang("doctor").out.startswith("difflang ")


def test_cache(difflang, tmp_path, monkeypatch):
    monkeypatch.setenv("DIFFLANG_CACHE_DIR", str(tmp_path / "cache"))
    difflang("run one.dl -f total x=[1]")
    assert difflang("cache info --format json").json["files"] >= 1
    assert difflang("cache clear").status == 0
    assert difflang("cache info --format json").json["files"] == 0


def test_new_makes_a_project_that_works(difflang, folder):
    assert difflang("new line").status == 0
    assert difflang("check line/line.dl").status == 0
    ran = difflang("run line/line.dl steps=4000 --format json")
    slope, offset = np.polyfit([0, 1, 2, 3, 4], [1.1, 2.9, 5.2, 6.8, 9.1], 1)
    assert ran.json["value"] == {"slope": pytest.approx(slope, rel=1e-6), "offset": pytest.approx(offset, rel=1e-6)}
    assert difflang("test line").status == 0
    assert difflang("grad line/line.dl -f loss --wrt line line.slope=1 line.offset=0").status == 0
    assert "exists already" in difflang("new line").err
    assert difflang("new a&b/line").err.endswith("Try: difflang run 'a&b/line/line.dl'\n")


def test_help_and_version(difflang):
    assert "Commands:" in difflang("").out
    assert "run" in difflang("--help").out and "--out" in difflang("run --help").out
    assert difflang("--version").status == 0


def test_check_derivatives_compares_rules(difflang, folder):
    (folder / "cube.dl").write_text(
        "fn cube(x: real) -> real = x ** 3\n"
        "rule jvp cube(x, dx) = 3.0 * x ** 2 * dx\n"
        "rule vjp cube(x, y, ybar) = 2.0 * x ** 2 * ybar\n"
        "fn f(x: real[n]) -> real = sum(cube(x[i]) for i)\n"
    )
    ran = difflang("check cube.dl --derivatives f --format json")
    assert ran.status == 1
    assert [(record["code"], record["line"]) for record in ran.json] == [("E0514", 2)]
    assert "correct the `rule vjp`" in ran.json[0]["hint"]


def test_check_derivatives_compares_modes_and_differences(difflang, folder):
    (folder / "cube.dl").write_text(
        "fn cube(x: real) -> real = x ** 3\n"
        "rule jvp cube(x, dx) = 2.0 * x ** 2 * dx\n"
        "fn f(x: real[n], s: real) -> real = sum(cube(x[i]) for i) * s\n"
        "fn g(x: real[n], s: real) -> real[n] = sin(s * x)\n"
    )
    ran = difflang("check cube.dl --derivatives f --format json")
    assert ran.status == 1
    assert [(record["code"], record["line"]) for record in ran.json] == [("E0613", 3)]
    assert "finite differences" in ran.json[0]["message"]
    assert difflang("check cube.dl --derivatives g --format json").status == 0


def test_check_derivatives_takes_the_file_or_the_function(difflang, folder):
    (folder / "kinks.dl").write_text(
        "fn f(x: real[n]) -> real = max(x) + clip(x[0], 0, 1)\nfn main(x: real) -> real = x\n"
    )
    lines = ("check kinks.dl --derivatives f", "check --derivatives kinks.dl -f f", "check --derivatives f kinks.dl")
    found = [difflang(f"{line} --format json").json for line in lines]
    assert found[0] == found[1] == found[2]
    assert [(d["code"], d["column"]) for d in found[0]] == [("W0502", 28), ("W0502", 37)]
    assert difflang("check --derivatives kinks.dl --format json").json == []
    assert [difflang(line).status for line in ("check", "check kinks.dl -f f", "check --derivatives f")] == [2, 2, 2]


def test_check_derivatives_points_at_the_users_line(difflang, folder):
    """What is in the library is told at the call; smooth functions of it are not told of at all."""
    (folder / "calls.dl").write_text(
        "import optim\n"
        "fn best(a: real) -> real = optim.minimize(fn(z: real) = (z - a) ** 2, a, optim.gd(), steps = 2)\n"
        "fn smooth(x: real[n]) -> real = sum(softplus(x) + sigmoid(x)) + logsumexp(x)\n"
    )
    found = difflang("check calls.dl --derivatives best --format json").json
    assert found and {(d["file"], d["line"]) for d in found} == {("calls.dl", 2)}
    assert difflang("check calls.dl --derivatives smooth --format json").json == []


def test_check_derivatives_leaves_out_what_takes_long(difflang, folder, monkeypatch):
    monkeypatch.setattr("difflang.agreement.PATIENCE", 0.0)
    (folder / "line.dl").write_text("fn f(x: real) -> real = x\n")
    (found,) = difflang("check line.dl --derivatives f --format json").json
    assert (found["code"], found["severity"], found["column"]) == ("W0503", "warning", 4)


def test_check_derivatives_names_steps_and_kinks(difflang, folder):
    (folder / "steps.dl").write_text(
        "fn f(x: real[n], k: int) -> real:\n"
        "    var s = 0.0\n"
        "    for i in 0..n:\n"
        "        if x[i] > 0.5:\n"
        "            s += floor(x[i]) + abs(x[i]) + real(int(x[i]))\n"
        "    return max(s, 0) + floor(real(k))\n"
    )
    ran = difflang("check steps.dl --derivatives f --format json")
    places = [(record["code"], record["line"], record["column"]) for record in ran.json]
    assert ran.status == 0
    assert places == [("W0501", 4, 12), ("W0501", 5, 18), ("W0502", 5, 32), ("W0501", 5, 49), ("W0502", 6, 12)]
    assert difflang("check steps.dl --derivatives g").status == 2


def test_deterministic_sums_are_those_of_several_threads(difflang, folder):
    np.save(folder / "x.npy", np.sin(np.arange(1_000_003.0)))
    several = difflang("run one.dl -f total x=@x.npy --threads 3").out
    assert several == difflang("run one.dl -f total x=@x.npy --threads 2").out
    assert several == difflang("run one.dl -f total x=@x.npy --threads 1 --deterministic").out


def test_the_loops_for_threads_are_shown(difflang):
    assert "threads range, begin, end over n" in difflang("emit one.dl -f total --stage loops --threads 2").out
    assert "threads" not in difflang("emit one.dl -f total --stage loops").out


def test_static_parameters_are_compiled_for(difflang, folder):
    """Every value has code of its own, also where an earlier run has left a plan."""
    (folder / "static.dl").write_text(
        "fn main[static k](k: int, x: real) -> real:\n    var y = 1.0\n    for i in 0..k:\n        y = y * x\n"
        "    return y\nfn added[static n](x: real[n], by: real = 2.0) -> real = by * sum(x[i] for i)\n"
    )
    for k in (3, 4, 3):
        assert difflang(f"run static.dl k={k} x=2").out == f"{2.0**k}\n"
    assert difflang("run static.dl -f added x=[1,2,3]").out == "12.0\n"
    assert difflang("run static.dl -f added x=[1,2] by=1").out == "3.0\n"


def test_the_gradient_by_a_parameter_that_is_left_to_its_default_has_its_name(difflang, folder):
    (folder / "defaults.dl").write_text("fn main(x: real = 3.0, y: real = 2.0) -> real = x * x * y\n")
    assert difflang("grad defaults.dl").out == "value = 18.0\ngradient.x = 12.0\n"
    assert difflang("grad defaults.dl y=4 --format json").json == {"value": 36.0, "gradient": {"x": 24.0}}


def test_the_form_of_an_overloaded_function_is_chosen_by_the_arguments(difflang, folder):
    (folder / "size.dl").write_text(
        "fn size(x: real) -> real = abs(x)\n"
        "fn size(x: real[n]) -> real = sum(x * x)\n"
        "fn size(x: real[n, m]) -> int = n\n"
    )
    lines = ("run size.dl -f size x=-2", "run size.dl -f size x=[3,4]", "run size.dl -f size x=[[3,4]]")
    assert [difflang(f"{line} --format json").json["value"] for line in lines] == [2, 25, 1]
    assert difflang("grad size.dl -f size x=[3,4] --format json").json["gradient"] == {"x": [6, 8]}
    ran = difflang("run size.dl -f size x=true")
    assert ran.status == 1 and "E0308" in ran.err and "`(x: real[n, m])`" in ran.err


def test_every_operator_of_emit_has_a_text(difflang, folder):
    (folder / "wave.dl").write_text("fn wave(t: real) -> real = sin(t)\n")
    for operator in ("grad", "jvp", "vjp", "jet"):
        assert difflang(f"emit wave.dl -f wave --stage core --of {operator}").out.startswith("func ")
    third = difflang("emit wave.dl -f wave --stage core --of jet --order 3").out
    assert third.startswith('func "jet(wave, order = 3)"') or "order = 3" in third.splitlines()[0]
    assert difflang("emit wave.dl -f wave --of jet --order -1").status == 2


def test_a_residual_is_told_in_the_file(difflang, folder):
    (folder / "root.dl").write_text("implicit fn root(a: real) -> w: real:\n    where w * w == a\n    return 1.0\n")
    assert "W0811" in (ran := difflang("run root.dl -f root a=2")).err and "root.dl:1:13" in ran.err


def test_an_unknown_option_is_compared_without_its_dashes(difflang):
    assert "Did you mean `--precision`?" in difflang("run one.dl --presicion f32").err
    assert "Did you mean" not in difflang("run one.dl --bogus").err


def test_an_ending_that_cannot_be_written_is_a_bad_option(difflang):
    ran = difflang("run one.dl width=3 --out result.txt")
    assert (ran.status, "E0711" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("grad one.dl -f total --wrt x,x x=[1]", "E0602", "Name each parameter once"),
        ("run one.dl -f total x=@", "E0908", "x=@data.npy"),
        ("lsp --bogus", "E0902", "this command has no options"),
    ],
)
def test_small_mistakes_on_the_command_line(difflang, line, code, hint):
    ran = difflang(line)
    assert ran.status == 2 and code in ran.err and hint in ran.err


def test_grad_by_parts_of_parameters(difflang):
    """The derivative of x . y by x is y, and by y it is x."""
    line = "grad one.dl -f dots x=[1,2,3] y=[4,5,6] --format json --wrt"
    assert difflang(f"{line} x[1:]").json["gradient"] == {"x[1:]": [5, 6]}
    assert difflang(f"{line} x[-1],y[0:2]").json["gradient"] == {"x[-1]": 6, "y[0:2]": [1, 2]}
    assert difflang(f"{line} z[1:]").status == 2
    assert difflang(f"{line} x[1:],x[1:]").status == 2
    refused = difflang("bench one.dl -f dots x=[1,2,3] y=[4,5,6] --wrt x[1:] --budget 0")
    assert (refused.status, "E0602" in refused.err) == (2, True)


def test_grad_takes_a_memory_budget(difflang, folder):
    """A state takes 8 bytes here, so that 1 is too little, and the message is that of the program's own option."""
    (folder / "steps.dl").write_text(
        "fn main(x: real[n], steps: int) -> real:\n    var s = 0.0\n"
        "    for t in 0..steps:\n        for i in 0..n: s = sin(s + x[i]) * x[i]\n    return s\n"
    )
    grad = "grad steps.dl x=[0.5,1.5] steps=9 --backend reference"
    assert difflang(grad).out == difflang(f"{grad} --memory 128B").out != ""
    assert "E0812" in difflang(f"{grad} --memory 1B").err
    wrong = difflang(f"{grad} --memory 64XB")
    assert wrong.status == 2 and "E0902" in wrong.err


def test_check_looks_for_data_files(difflang, folder):
    (folder / "table.csv").write_text("1,2\n")
    (folder / "means.dl").write_text(
        'data x: real[n, 2] = load("tables.csv")\ndata y: real[m, 2] = load("table.csv")\nfn main() -> real = sum(x)\n'
    )
    ran = difflang("check means.dl --format json")
    assert ran.status == 0
    assert [(d["code"], d["line"], d["column"], d["hint"]) for d in ran.json] == [
        ("W0701", 1, 27, "Did you mean `table.csv`?")
    ]
    (folder / "means.dl").write_text('data x: real[n, 2] = load("table.xls")\n')
    ran = difflang("check means.dl --format json")
    assert ran.status == 1 and [d["code"] for d in ran.json] == ["E0702"]
