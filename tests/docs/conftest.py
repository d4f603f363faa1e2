"""A session at a terminal: files are written, commands are run in a directory, and what they print is kept."""

from __future__ import annotations

import doctest
import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PROGRAMS = {
    "mean.dl": 'data x: real[n] = load("values.csv")\nfn main() -> real = sum(x) / n\n',
    "total.dl": "fn main(x: real[n]) -> real = sum(x)\n",
    "square.dl": "fn main(x: real) -> real = x * x\n",
    "line.dl": (
        "struct Line: slope: real; offset: real\nfn main(line: Line, x: real) -> real = line.slope * x + line.offset\n"
    ),
}


@dataclass(frozen=True)
class Step:
    """A command with what the page shows below it."""

    command: str
    shown: str


class Session:
    """Runs the commands of pages in a directory of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def steps(self, block: str) -> Iterator[Step]:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield Step(command.strip(), shown.rstrip("\n"))

    def run(self, step: Step) -> str:
        """The output of a `difflang` command; `cat` writes the file that it shows, `make` must know its target."""
        words = _split(step.command)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            return step.shown
        if words[0] == "cat":
            (self.folder / words[1]).write_text(step.shown + "\n", encoding="utf-8")
            return step.shown
        if words[0] == "difflang":
            return self.difflang(words[1:])
        done = subprocess.run(step.command, shell=True, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout

    def difflang(self, words: list[str]) -> str:
        from difflang.cli.app import execute

        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            self.status = execute(words)
        return out.getvalue()

    def check(self, block: str) -> int:
        """Runs a console block and compares; gives the number of commands."""
        count = 0
        for step in self.steps(block):
            output = self.run(step)
            assert _matches(step.shown, output), f"$ {step.command}\n--- shown\n{step.shown}\n--- printed\n{output}"
            count += 1
        return count


def _split(command: str) -> list[str]:
    import shlex

    return shlex.split(command)


def _matches(shown: str, printed: str) -> bool:
    """Whether every shown paragraph occurs in the output; dashes of title lines, spaces and `...` do not count."""
    flat = _flat(printed)
    position = 0
    for piece in _flat(shown).split("..."):
        found = flat.find(piece.strip(), position)
        if found < 0:
            return all(_flat(paragraph) in flat for paragraph in shown.split("\n\n")) and "..." not in shown
        position = found + len(piece.strip())
    return True


def _flat(text: str) -> str:
    return " ".join(re.sub(r"-{3,}( \S+:\d+:\d+)?", " ", text).split())


def run_python(block: str, name: str, names: dict[str, Any]) -> None:
    """Runs a `>>>` block among `names`; an error is shown as the first line of its text, as in `E0605: ...`."""
    lines: list[str] = []
    for line in block.split("\n"):
        if re.match(r"[EW]\d{4}: ", line):
            line = f"Traceback (most recent call last):\ndifflang.diagnostics.model.DiffLangError: {line}..."
        lines.append(line)
    text = "\n".join(lines) + "\n"
    test = doctest.DocTestParser().get_doctest(text, names, name, None, 0)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    report = io.StringIO()
    test.globs = names
    results = doctest.DocTestRunner(optionflags=flags).run(test, out=report.write, clear_globs=False)
    assert results.failed == 0, report.getvalue()


@pytest.fixture
def session(tmp_path, monkeypatch) -> Session:
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "latin1.dl").write_bytes("## café\n".encode("latin-1"))
    (tmp_path / "examples").symlink_to(EXAMPLES)
    shutil.copy(EXAMPLES / "mixture.dl", tmp_path)
    (tmp_path / "data").mkdir()
    shutil.copy(EXAMPLES / "data" / "faithful.csv", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return Session(tmp_path)


@pytest.fixture
def python_block():
    return run_python
