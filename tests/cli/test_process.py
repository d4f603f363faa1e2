"""The command line as a process: signals, pipes, read-only caches, start-up, and the promise of no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

DIFFLANG = [sys.executable, "-c", "from difflang.cli import main; main()"]


def start(*words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*DIFFLANG, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        preexec_fn=heed_interrupts,
    )


def heed_interrupts() -> None:
    """What runs in the background may have been told to ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(*words: str, **environment: str) -> Any:
    process = start(*words, **environment)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_status_reaches_the_shell(folder):
    assert finish("run", "one.dl", "width=3")[:2] == (0, "6.0\n")
    assert finish("run", "one.dl")[0] == 2
    assert finish("run", "one.dl", "-f", "checked", "x=-1")[0] == 1


def test_interrupting_native_code(folder):
    assert finish("run", "one.dl", "-f", "double", "k=1")[0] == 0
    process = start("run", "one.dl", "-f", "slow")
    time.sleep(4)
    assert process.poll() is None, "the loop runs longer than that"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130 and out == "" and err.strip() == "Interrupted."


def test_a_closed_pipe_is_no_failure(folder):
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [*DIFFLANG, "explain"], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(writer)
    assert process.stderr == ""


@pytest.mark.parametrize("place", ["/proc/none", "/dev/null/x"])
def test_a_cache_that_cannot_be_written(folder, place):
    assert finish("run", "one.dl", "width=3", DIFFLANG_CACHE_DIR=place)[:2] == (0, "6.0\n")


def test_an_internal_error_is_reported_without_a_traceback(folder, monkeypatch, capfd):
    from difflang.cli import app
    from difflang.cli.commands import explain

    def fail(code: str) -> None:
        raise ZeroDivisionError("a fault made for this test")

    monkeypatch.setattr(explain, "page", fail)
    assert app.execute(["explain", "E0601"]) == 1
    err = capfd.readouterr().err
    assert "E0999" in err and "a fault made for this test" in err and "report" in err and "Traceback" not in err
    monkeypatch.setenv("DIFFLANG_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        app.execute(["explain", "E0601"])


def test_python_runs_the_package(folder):
    command = [sys.executable, "-m", "difflang", "run", "one.dl", "width=3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "6.0\n")


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["explain", "E0601"]])
def test_help_comes_without_what_runs_programs(words):
    code = (
        "import sys; from difflang.cli.app import execute; status = execute(sys.argv[1:]);"
        "heavy = {'numpy', 'llvmlite', 'difflang.check', 'importlib.metadata'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_is_light():
    code = (
        "import sys, difflang; difflang.load;"
        "heavy = {'lark', 'llvmlite', 'scipy', 'matplotlib', 'rich', 'click', 'sympy'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_second_run_reads_no_program(folder, tmp_path):
    code = (
        "import sys; from difflang.cli.app import execute; status = execute(sys.argv[1:]);"
        "heavy = {'difflang.check', 'difflang.syntax', 'difflang.core.ir', 'difflang.loops.ir', 'difflang.prims',"
        "'scipy', 'importlib.metadata', 'difflang.diagnostics.render'};"
        "print(sorted(heavy & set(sys.modules)))"
    )

    def run(*words: str) -> str:
        command = [sys.executable, "-c", code, *words]
        environment = {**os.environ, "DIFFLANG_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=True)
        return done.stdout

    words = ("run", "one.dl", "width=3")
    assert "difflang.check" in run(*words)
    assert run(*words) == "6.0\n[]\n"
    loud = ("run", "one.dl", "-f", "loud", "n=1", "--quiet")
    assert "difflang.check" in run(*loud)
    assert run(*loud) == "done 1\n1\n[]\n", "nor does one that reports"
    assert run("run", "one.dl", "width=5") == "10.0\n[]\n"
    assert "difflang.check" in run("run", "one.dl", "width=3", "height=1"), "another specialisation"
    (folder / "one.dl").write_text("fn main(width: real) -> real = 7 * width\n")
    assert run(*words).startswith("21.0\n['difflang.check'"), "a changed program is read again"
    assert run(*words) == "21.0\n[]\n"


def test_a_new_file_beside_the_program_makes_its_plan_void(folder, tmp_path):
    (folder / "user.dl").write_text("import special\nfn main() -> real = special.PROBE\n")
    (folder / "special.dl").write_text("const PROBE = 3.0\n")
    cache = str(tmp_path / "cache")
    assert finish("run", "user.dl", DIFFLANG_CACHE_DIR=cache)[1] == "3.0\n"
    (folder / "special.dl").write_text("const PROBE = 4.0\n")
    assert finish("run", "user.dl", DIFFLANG_CACHE_DIR=cache)[1] == "4.0\n"
