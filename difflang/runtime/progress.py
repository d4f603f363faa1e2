"""The figures of `report(...)`: a progress line on a terminal, a log file, a plot, a callback."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from difflang.diagnostics import error

Figures = Mapping[str, Any]

INTERVAL = 0.1
"""Seconds between two redrawn progress lines."""

PLOT_POINTS = 100_000
"""Points kept for a plot; beyond it, every second one is dropped."""


class Sink(Protocol):
    """Something that wants to see every report, and to know when the run is over."""

    def report(self, figures: Figures) -> None: ...

    def close(self) -> None: ...


def figure_text(value: Any) -> str:
    """A figure in a progress line: whole numbers whole, others with six digits, arrays in short form."""
    if isinstance(value, bool | int | np.integer | np.bool_):
        return str(value)
    if isinstance(value, float | np.floating):
        return f"{float(value):.6g}"
    return np.array2string(np.asarray(value), precision=4, threshold=6, edgeitems=2).replace("\n", "")


def line_text(figures: Figures) -> str:
    return "  ".join(f"{name} {figure_text(value)}" for name, value in figures.items())


class TerminalLine:
    """One line on a terminal, redrawn in place; the last report stays."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._drawn = 0.0
        self._latest: str | None = None
        self._width = 0

    def report(self, figures: Figures) -> None:
        now = time.monotonic()
        self._latest = line_text(figures)
        if now - self._drawn >= INTERVAL:
            self._drawn = now
            self._draw()

    def _draw(self) -> None:
        import shutil

        assert self._latest is not None
        shown = self._latest[: shutil.get_terminal_size().columns - 1]
        self._stream.write("\r" + shown.ljust(self._width))
        self._stream.flush()
        self._width = len(shown)

    def pause(self) -> None:
        """Clears the line, so that other output does not run into it."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0

    def close(self) -> None:
        if self._latest is not None:
            self._draw()
            self._stream.write("\n")
            self._stream.flush()
            self._latest = None
            self._width = 0


class PlainLines:
    """A line a second where there is no terminal (a log of a batch job), and the last report."""

    def __init__(self, stream: IO[str], interval: float = 1.0) -> None:
        self._stream = stream
        self._interval = interval
        self._written = 0.0
        self._held: str | None = None

    def report(self, figures: Figures) -> None:
        self._held = line_text(figures)
        if time.monotonic() - self._written >= self._interval:
            self.close()
            self._written = time.monotonic()

    def close(self) -> None:
        if self._held is not None:
            print(self._held, file=self._stream, flush=True)
            self._held = None


class CsvLog:
    """Every report as a line of a CSV file, with a column for every figure that some report has.

    The first report gives the header; where later ones bring other figures, `close` makes the lines before as long (but
    not those of what is no file, such as a pipe).
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        try:
            self._file = self._opened()
        except OSError as problem:
            raise _unwritable(path, problem) from None
        self._columns: dict[str, None] = {}
        self._written = 0

    def _opened(self) -> TextIOWrapper:
        return TextIOWrapper(BufferedWriter(FileIO(self._path, "w")), encoding="utf-8", newline="")

    def report(self, figures: Figures) -> None:
        flat = dict(_scalars(figures))
        self._columns |= dict.fromkeys(flat)
        if not self._written:
            self._file.write(self._header())
            self._written = len(self._columns)
        self._file.write(",".join(_cell(flat.get(name)) for name in self._columns) + "\n")

    def _header(self) -> str:
        return ",".join(f'"{name}"' if "," in name else name for name in self._columns) + "\n"

    def close(self) -> None:
        self._file.close()
        if self._written < len(self._columns) and self._path.is_file():
            _, *rows = self._path.read_text("utf-8").splitlines()
            with self._opened() as file:
                file.write(self._header())
                file.writelines(row + "," * (len(self._columns) - 1 - row.count(",")) + "\n" for row in rows)


class _Curve:
    """A figure over the steps at which it was reported."""

    def __init__(self) -> None:
        self.steps: list[Any] = []
        self.values: list[Any] = []
        self._stride = 1
        self._count = 0

    def add(self, step: Any, value: Any) -> None:
        if self._count % self._stride == 0:
            self.steps.append(step)
            self.values.append(value)
            if len(self.steps) >= PLOT_POINTS:
                self.steps, self.values = self.steps[::2], self.values[::2]
                self._stride *= 2
        self._count += 1


class Plot:
    """The figures over the first integer figure (or the count of reports) as a picture, drawn at the end.

    Raises E0904 without matplotlib and E0710 for a file that it cannot write, both before anything runs: a long
    run must not be lost for its picture. `note` is told where nothing was reported.
    """

    def __init__(self, path: str | Path, note: Callable[[str], object]) -> None:
        self._path = Path(path)
        self._note = note
        _require_drawable(self._path)
        self._curves: dict[str, _Curve] = {}
        self._across: str | None = None
        self._count = 0

    def report(self, figures: Figures) -> None:
        found = dict(_scalars(figures))
        if self._count == 0:
            self._across = next((n for n, value in found.items() if isinstance(value, int | np.integer)), None)
        step = found.pop(self._across, self._count) if self._across else self._count
        for name, value in found.items():
            self._curves.setdefault(name, _Curve()).add(step, value)
        self._count += 1

    def close(self) -> None:
        if not self._count:
            self._note(f"Nothing was reported, so `{self._path}` was not drawn.")
            return
        try:
            self._draw()
        except (OSError, ValueError) as problem:
            raise _unwritable(self._path, problem) from None

    def _draw(self) -> None:
        from matplotlib.figure import Figure

        count = max(len(self._curves), 1)
        figure = Figure(figsize=(7, 1 + 2.5 * count), layout="constrained")
        axes = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
        for axis, (name, curve) in zip(axes, self._curves.items(), strict=False):
            axis.plot(curve.steps, curve.values)
            axis.set_ylabel(name)
            axis.grid(visible=True, alpha=0.3)
        axes[-1].set_xlabel(self._across or "report")
        figure.savefig(self._path, dpi=120)


class Callback:
    """Passes each report on to a Python function as a dict."""

    def __init__(self, function: Callable[[dict[str, Any]], object]) -> None:
        self._function = function

    def report(self, figures: Figures) -> None:
        self._function(dict(figures))

    def close(self) -> None:
        pass


def _scalars(figures: Figures) -> list[tuple[str, Any]]:
    """The figures with the elements of arrays as figures of their own: `w[0]`, `w[1]`, ..."""
    flat: list[tuple[str, Any]] = []
    for name, value in figures.items():
        array = np.asarray(value)
        if array.ndim == 0:
            flat.append((name, array.item()))
        else:
            flat += [(f"{name}[{', '.join(map(str, index))}]", x.item()) for index, x in np.ndenumerate(array)]
    return flat


def _cell(value: Any) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _require_drawable(path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        hint = "Install it: `pip install matplotlib`, or use --log FILE.csv."
        raise error("E0904", "A plot needs matplotlib, which is not installed.", hint=hint) from None
    kinds = Figure().canvas.get_supported_filetypes()
    if path.suffix.removeprefix(".") not in kinds:
        hint = f"Use one of .png, {', '.join(f'.{kind}' for kind in sorted(kinds) if kind != 'png')}."
        raise error("E0710", f"`{path}` has an ending that cannot be drawn.", hint=hint)


def _unwritable(path: str | Path, problem: Exception) -> Exception:
    reason = getattr(problem, "strerror", None) or problem
    return error("E0710", f"`{path}` cannot be written: {reason}.", hint="Check the directory and the file's ending.")
