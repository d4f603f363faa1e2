"""`--time-passes` and `--print-after`, on every command that compiles."""

from __future__ import annotations

import re

import pytest
from difflang_llvm.compiler import compiled_function

import difflang as dl
from difflang.backend.protocol import CompileOptions
from difflang.cli.watching import known_stages
from difflang.watch import Stage, run_stage, stage, watching

ROW = re.compile(r"^(\S.*?) +(\d+\.\d{4}) +(\d+\.\d)% *(\d*) *(.*)$")


def rows(text: str) -> dict[str, tuple[float, float, str, str]]:
    """The lines of the table by the name of their stage."""
    found = (ROW.match(line) for line in text.splitlines())
    return {m[1]: (float(m[2]), float(m[3]), m[4], m[5]) for m in found if m}


@pytest.mark.parametrize(
    ("line", "stages"),
    [
        ("run one.dl width=3", {"read", "check", "erase", "Simplify", "schedule", "RedundantChecks", "object code"}),
        ("grad one.dl width=3", {"read", "check", "derive", "Fuse", "optimise", "link"}),
        ("emit one.dl -f dots --stage loops", {"read", "check", "Simplify", "schedule", "MarkApart"}),
        ("check one.dl", {"read", "check"}),
        ("bench one.dl -f dots x=[1,2] y=[3,4] --budget 0.01", {"check", "derive", "schedule", "generate"}),
        ("test one.dl", {"read", "check", "link"}),
    ],
)
def test_the_table_has_the_stages_of_the_command(difflang, line, stages):
    ran = difflang(f"{line} --time-passes")
    table = rows(ran.err)
    assert ran.status == 0 and stages <= table.keys()
    assert sum(seconds for name, (seconds, *_) in table.items() if name != "all") == pytest.approx(
        table["all"][0], abs=1e-4 * len(table)
    )
    assert line.startswith(("bench", "test")) or ran.out == difflang(line).out


def test_the_table_says_how_large_results_are(difflang):
    table = rows(difflang("run one.dl -f total x=[1,2] --time-passes").err)
    assert re.fullmatch(r"[1-9]\d* operations", table["check"][3])
    assert re.fullmatch(r"[1-9]\d* statements", table["schedule"][3])
    assert re.fullmatch(r"[1-9]\d* lines", table["generate"][3])
    assert re.fullmatch(r"[1-9]\d* bytes", table["object code"][3])


def test_a_watched_run_comes_from_no_cache_and_leaves_none_behind(difflang, folder, monkeypatch):
    monkeypatch.setenv("DIFFLANG_CACHE_DIR", str(folder / "cache"))
    for _ in range(2):
        assert "object code" in rows(difflang("run one.dl width=3 --time-passes").err)
    assert not (folder / "cache").exists()


def test_json_stays_one_document(difflang):
    ran = difflang("run one.dl width=3 --time-passes --print-after check --format json")
    assert ran.json == {"value": 6.0, "type": "real"}


def test_print_after_shows_core_and_loops(difflang):
    text = difflang("run one.dl -f total x=[1,2] --print-after DeadCode --print-after schedule").err
    assert text.count("--- after DeadCode ---\nfunc total(n: i64, x: f64[n]) {") > 1
    assert text.count("--- after schedule ---") == 1
    assert "define" in difflang("run one.dl -f total x=[1,2] --print-after optimise").err


def test_every_pass_that_runs_can_be_printed_after():
    """The passes are found in real compilations, for one thread and for several, on both backends that have them."""
    seen: set[str] = set()
    function = dl.loads("fn f(x: real[n]) -> real = sum(exp(x[i]) for i)").f
    with watching(lambda stage: seen.add(stage.name)):
        for backend in ("llvm", "c"):
            dl.grad(function).on(backend=backend, threads=2).emit("loops" if backend == "llvm" else "c")
        compiled_function(dl.grad(function).engine.lowered("grad(f)", "f64").func, CompileOptions(cache=False))
    passes = {name for name in seen if name[0].isupper()}
    assert {"Speculate", "ForThreads", "AskForThreads", "Simplify", "HoistChecks"} <= passes
    assert passes <= set(known_stages())


def test_print_after_an_unknown_pass(difflang):
    ran = difflang("run one.dl width=3 --print-after simplify")
    assert ran.status == 2 and "E0902" in ran.err and "Did you mean `Simplify`?" in ran.err


def test_stages_keep_to_their_own_time(monkeypatch):
    clock = iter([0.0, 1.0, 3.0, 10.0])
    monkeypatch.setattr("difflang.watch.time.perf_counter", lambda: next(clock))
    heard: list[Stage] = []

    @stage("outer")
    def outer() -> int:
        return run_stage("inner", lambda: 1) + 1

    with watching(heard.append):
        assert outer() == 2
    assert heard == [Stage("inner", 2.0, 1), Stage("outer", 8.0, 2)]
    assert outer() == 2 and len(heard) == 2


def test_a_stage_that_fails_leaves_the_times_in_order():
    heard: list[str] = []

    def fail() -> None:
        raise ValueError

    with watching(lambda stage: heard.append(stage.name)):
        with pytest.raises(ValueError):
            run_stage("outer", lambda: run_stage("inner", fail))
        run_stage("next", lambda: None)
    assert heard == ["next"]
