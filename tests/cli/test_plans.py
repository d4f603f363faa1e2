"""Plans of earlier runs: they serve as long as nothing has changed, and no state of the cache gives a wrong answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from difflang.cli import calling
from difflang.runtime import cachedir, plans


@pytest.fixture
def cache(folder, monkeypatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("DIFFLANG_CACHE_DIR", str(folder / "cache"))
    return folder / "cache"


@pytest.fixture
def compiled(monkeypatch) -> list[str]:
    """The functions that had to be read and compiled."""
    names: list[str] = []
    original = calling._compiled

    def counting(request, *rest):
        names.append(request.expression)
        return original(request, *rest)

    monkeypatch.setattr(calling, "_compiled", counting)
    return names


def test_a_plan_serves_the_second_run(difflang, cache, compiled):
    assert [difflang(f"run one.dl width={w}").out for w in (3, 4)] == ["6.0\n", "8.0\n"]
    assert difflang("grad one.dl width=3").out == difflang("grad one.dl width=3").out
    assert compiled == ["main", "value_and_grad(main)"]
    assert plans.count() == 2


def test_data_are_found_from_every_working_directory(difflang, cache, folder, monkeypatch):
    (folder / "below").mkdir()
    (folder / "below" / "sum.dl").write_text('data x: real[n] = load("x.csv")\nfn main() -> real = sum(x)\n')
    (folder / "below" / "x.csv").write_text("1\n2\n")
    assert difflang("run below/sum.dl").out == "3.0\n"
    monkeypatch.chdir(folder / "below")
    assert difflang("run sum.dl").out == "3.0\n"
    (folder / "below" / "x.csv").write_text("1\n2\n4\n")
    assert difflang("run sum.dl").out == "7.0\n", "data are no part of a plan"


def test_changed_new_and_removed_modules_are_seen(difflang, cache, folder, compiled):
    library = folder / "library"
    library.mkdir()
    (folder / "main.dl").write_text("import library.helper\nfn main() -> real = helper.value()\n")
    (library / "helper.dl").write_text("import special\nfn value() -> real = special.PROBE\n")
    (library / "special.dl").write_text("const PROBE = 1.0\n")
    assert difflang("run main.dl").out == "1.0\n"
    (library / "special.dl").write_text("const PROBE = 2.0\n")
    assert difflang("run main.dl").out == "2.0\n"
    (library / "special.dl").unlink()
    assert "E0207" in difflang("run main.dl").err, "the library's module `special` has no such name"
    (library / "special.dl").write_text("const PROBE = 2.0\n")
    assert difflang("run main.dl").out == "2.0\n"
    (folder / "main.dl").write_text("import fft\nfn main() -> real = fft.PROBE\n")
    assert difflang("run main.dl").status == 1
    (folder / "fft.dl").write_text("const PROBE = 3.0\n")
    assert difflang("run main.dl").out == "3.0\n", "a file beside the program comes before the library"


def test_a_module_that_hides_one_of_the_library_makes_a_plan_void(difflang, cache, folder):
    (folder / "main.dl").write_text("import user\nfn main() -> real = user.value()\n")
    (folder / "user.dl").write_text("import linalg\nfn value() -> real = linalg.trace(eye(3))\n")
    assert difflang("run main.dl").out == "3.0\n"
    (folder / "linalg.dl").write_text("fn trace(a: real[n, n]) -> real = -1.0\n")
    assert difflang("run main.dl").out == "-1.0\n"


def test_another_installation_makes_plans_void(difflang, cache, folder, compiled, monkeypatch):
    difflang("run one.dl width=3")
    (folder / "packages" / "backend-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(folder / "packages"))
    assert difflang("run one.dl width=3").out == "6.0\n"
    monkeypatch.setattr(plans, "_installation", lambda backend: "another version")
    assert difflang("run one.dl width=3").out == "6.0\n"
    assert len(compiled) == 3


def test_the_reference_backend_and_unknown_ones_have_no_plans(difflang, cache, compiled):
    for _ in range(2):
        assert difflang("run one.dl --backend reference width=3").out == "6.0\n"
        assert "E0906" in difflang("run one.dl --backend lvm width=3").err
    assert plans.count() == 0 and compiled == ["main"] * 4


@pytest.mark.parametrize("suffix", [".plan", ".dlc"])
@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "noise", "directory"])
def test_damaged_files_are_made_anew(difflang, cache, suffix, damage):
    words = "run one.dl -f at x=[1,2] i=1"
    assert difflang(words).out == "2.0\n"
    (path,) = cache.glob(f"*{suffix}")
    data = path.read_bytes()
    middle = len(data) // 2
    path.unlink()
    if damage == "directory":
        path.mkdir()
    else:
        flipped = data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]
        changed = {"empty": b"", "short": data[:-9], "flipped": flipped, "noise": b"\xff{}" * 64}
        path.write_bytes(changed[damage])
    assert [difflang(words).out for _ in range(2)] == ["2.0\n", "2.0\n"]
    assert path.is_dir() or path.read_bytes() == data


def test_a_plan_without_its_code_is_made_anew(difflang, cache):
    assert difflang("run one.dl width=3").out == "6.0\n"
    for path in cache.glob("*.dlc"):
        path.unlink()
    assert difflang("run one.dl width=3").out == "6.0\n"


def test_a_full_disk_leaves_nothing_behind(difflang, cache, monkeypatch):
    original = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        original(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    assert [difflang("run one.dl width=3").out for _ in range(2)] == ["6.0\n", "6.0\n"]
    assert list(cache.iterdir()) == []


def test_a_user_without_a_home_directory_has_no_cache(difflang, monkeypatch):
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DIFFLANG_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert difflang("run one.dl width=3").out == "6.0\n"
    assert difflang("cache").status == 0


def test_a_working_directory_that_is_gone_is_no_failure(difflang, cache, folder, monkeypatch):
    (folder / "gone").mkdir()
    monkeypatch.chdir(folder / "gone")
    (folder / "gone").rmdir()
    ran = difflang(f"run {folder / 'one.dl'} width=3")
    monkeypatch.chdir(folder)
    assert (ran.out, ran.status) == ("6.0\n", 0)


def test_processes_that_start_at_the_same_time_agree(folder, cache):
    code = "from difflang.cli import main; main()"
    command = [sys.executable, "-c", code, "run", "one.dl", "width=3"]
    environment = {**os.environ, "DIFFLANG_CACHE_DIR": str(cache)}
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(4)]
    assert [process.communicate(timeout=120)[0] for process in running] == ["6.0\n"] * 4
    assert not list(cache.glob("*.part"))


def test_clearing_takes_plans_and_what_was_left_half_written(difflang, cache):
    difflang("run one.dl width=3")
    (cache / f"some.dlc.1.2{cachedir.PARTIAL}").write_bytes(b"half")
    (cache / "mine.txt").write_text("mine")
    assert difflang("cache --format json").json["plans"] == 1
    assert "and 1 plans of runs" in difflang("cache info").out
    assert difflang("cache clear").status == 0
    assert [path.name for path in cache.iterdir()] == ["mine.txt"]


def test_the_oldest_plans_go_first(difflang, cache, monkeypatch):
    monkeypatch.setattr(plans, "LIMIT", 2)
    for function in ("double k=1", "root x=4", "total x=[1]"):
        difflang(f"run one.dl -f {function}")
    assert plans.count() == 2
