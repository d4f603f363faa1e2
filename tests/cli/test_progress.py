"""Progress: the line on a terminal, plain lines elsewhere, the log and the plot."""

from __future__ import annotations

import csv
import io
import os
import pty
import subprocess
import sys

import numpy as np
import pytest

from difflang.diagnostics import DiffLangError
from difflang.runtime import progress
from difflang.runtime.host import RunHost


def test_figures_are_short():
    assert progress.line_text({"step": 3, "loss": 0.123456789, "ok": True}) == "step 3  loss 0.123457  ok True"
    assert progress.figure_text(np.int64(7)) == "7"
    assert progress.figure_text(np.array([1.0, 2.0])) == "[1. 2.]"


def test_the_line_on_a_terminal_is_redrawn_and_stays_at_the_end(monkeypatch):
    stream = io.StringIO()
    line = progress.TerminalLine(stream)
    clock = iter([1.0, 1.01, 1.2])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    for step in (1000, 2, 3):
        line.report({"step": step})
    line.close()
    line.close()
    assert stream.getvalue() == "\rstep 1000\rstep 3   \rstep 3\n", "the second report came too soon to be drawn"


def test_printing_clears_the_line(monkeypatch):
    stream, out = io.StringIO(), io.StringIO()
    host = RunHost([progress.TerminalLine(stream)], {}, out)
    host.report({"step": 1})
    host.print("hello")
    host.close()
    assert out.getvalue() == "hello\n"
    assert stream.getvalue() == "\rstep 1\r      \r\rstep 1\n"


def test_plain_lines_come_once_a_second_and_at_the_end(monkeypatch):
    stream = io.StringIO()
    lines = progress.PlainLines(stream)
    clock = iter([10.0, 10.0, 10.5, 11.5, 11.5, 11.6])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    for step in range(4):
        lines.report({"step": step})
    lines.close()
    assert stream.getvalue() == "step 0\nstep 2\nstep 3\n"


def test_the_log_has_all_digits(tmp_path):
    log = progress.CsvLog(tmp_path / "log.csv")
    log.report({"step": 0, "loss": 1 / 3})
    log.report({"step": 1, "loss": float("nan")})
    log.close()
    assert (tmp_path / "log.csv").read_text() == f"step,loss\n0,{1 / 3!r}\n1,nan\n"


def test_the_plot_of_many_reports_is_thinned(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "PLOT_POINTS", 16)
    plot = progress.Plot(tmp_path / "plot.png", note=pytest.fail)
    for step in range(1000):
        plot.report({"step": step, "loss": 1.0 / (step + 1)})
    plot.close()
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_the_plot_shows_the_figures_of_every_report(tmp_path):
    import matplotlib as mpl

    plot = progress.Plot(tmp_path / "plot.svg", note=pytest.fail)
    for figures in ({"step": 0, "loss": 1.0}, {"step": 1, "accuracy": 0.5}, {"step": 2, "loss": 0.5}):
        plot.report(figures)
    with mpl.rc_context({"svg.fonttype": "none"}):
        plot.close()
    drawn = (tmp_path / "plot.svg").read_text()
    assert all(f">{name}</text>" in drawn for name in ("step", "loss", "accuracy"))


def test_a_plot_without_matplotlib_is_refused_before_the_run(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(DiffLangError, match="needs matplotlib") as caught:
        progress.Plot(tmp_path / "plot.png", note=pytest.fail)
    assert caught.value.code == "E0904"


@pytest.mark.parametrize("name", ["plot.nothing", "plot"])
def test_a_plot_of_an_unknown_kind_is_refused_before_the_run(tmp_path, name):
    with pytest.raises(DiffLangError) as caught:
        progress.Plot(tmp_path / name, note=pytest.fail)
    assert caught.value.code == "E0710"
    assert "Use one of .png, " in str(caught.value)


def test_a_plot_of_nothing_is_said(tmp_path):
    notes: list[str] = []
    progress.Plot(tmp_path / "plot.png", notes.append).close()
    assert notes == [f"Nothing was reported, so `{tmp_path / 'plot.png'}` was not drawn."]
    assert not (tmp_path / "plot.png").exists()


def test_on_a_terminal(folder):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from difflang.cli import main; main()", "run", "one.dl", "-f", "loud", "n=3"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    out, _ = process.communicate(timeout=60)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert out == "done 3\n3\n"
    assert shown.startswith(b"\rstep 0  half 0") and shown.endswith(b"\rstep 2  half 1\r\n")


def test_a_log_has_a_column_for_every_figure(tmp_path):
    log = progress.CsvLog(tmp_path / "log.csv")
    for figures in ({"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}, {"deviance": 3.0}, {"step": 3, "w": [[1, 2]]}):
        log.report(figures)
    log.close()
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {"step": "2", "loss": "0.25", "deviance": "", "w[0, 0]": "", "w[0, 1]": ""}
    assert rows[2] == {"step": "", "loss": "", "deviance": "3.0", "w[0, 0]": "", "w[0, 1]": ""}
    assert rows[3] == {"step": "3", "loss": "", "deviance": "", "w[0, 0]": "1", "w[0, 1]": "2"}
