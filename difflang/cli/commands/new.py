"""`difflang new`: a small project that works."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from difflang.cli.options import Settings, output_options
from difflang.diagnostics import error

PROGRAM = """## A straight line through points, fitted by gradient descent.

data points: real[n, 2] = load("points.csv")

struct Line: slope: real; offset: real

## The mean squared distance of the line from the points.
fn loss(line: Line) -> real:
    return sum((line.slope * points[i, 0] + line.offset - points[i, 1]) ** 2 for i in 0..n) / n

fn main(steps: int = 500, rate: real = 0.05) -> Line:
    var line = Line(slope = 0.0, offset = 0.0)
    for t in 0..steps:
        let (value, gradient) = value_and_grad(loss)(line)
        line = line - rate * gradient
        report(step = t, loss = value)
    return line

test "the gradient is zero at the fitted line":
    let gradient = grad(loss)(main(5000, 0.05))
    assert abs(gradient.slope) + abs(gradient.offset) < 1e-6
"""
POINTS = """x,y
0.0,1.1
1.0,2.9
2.0,5.2
3.0,6.8
4.0,9.1
"""
README = """# {name}

```console
difflang run {name}.dl steps=1000
difflang grad {name}.dl -f loss --wrt line line.slope=1 line.offset=0
difflang test {name}.dl
```
"""


@click.command("new")
@click.argument("name")
@output_options
def command(name: str, settings: Settings) -> None:
    """Make a directory NAME with a program, its data and a test."""
    folder = Path(name)
    if not folder.name.replace("-", "_").isidentifier():
        message = f"`{folder.name}` cannot be the name of a project."
        raise error("E0909", message, hint="Use letters, digits, `-` and `_`, and begin with a letter.")
    if folder.exists():
        raise error("E0909", f"`{folder}` exists already.", hint="Choose another name.")
    texts = {f"{folder.name}.dl": PROGRAM, "points.csv": POINTS, "README.md": README.format(name=folder.name)}
    try:
        folder.mkdir(parents=True)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as problem:
        message = f"`{folder}` cannot be made: {problem.strerror}."
        raise error("E0710", message, hint="Choose a place that may be written.") from None
    settings.console.note(f"Made {folder}. Try: difflang run {shlex.quote(f'{folder / folder.name}.dl')}")
