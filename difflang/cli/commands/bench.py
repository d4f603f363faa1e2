"""`difflang bench`: how long a function and its derivatives take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from difflang.cli.options import Settings, common_options

if TYPE_CHECKING:
    from difflang.cli.timing import Comparison


@click.command("bench")
@click.argument("file")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE | NAME=@FILE]...")
@click.option("-f", "--function", default="main", metavar="FUNCTION", help="The function; main if left out.")
@click.option("--wrt", metavar="NAME[,NAME]", help="Parameters to differentiate by; the first if left out.")
@click.option(
    "--budget", type=click.FloatRange(min=0.0), default=2.0, metavar="SECONDS", help="Time to spend on runs; 2 seconds."
)
@common_options
def command(
    file: str, arguments: tuple[str, ...], function: str, wrt: str | None, budget: float, settings: Settings
) -> None:
    """Time a function of FILE, its gradient and its forward derivative."""
    from dataclasses import asdict

    from difflang.cli.calling import open_engine, require_function
    from difflang.cli.derivatives import require_wrt, wrt_names
    from difflang.cli.output import json_text
    from difflang.cli.timing import compare, require_values
    from difflang.cli.values import assignments, resolve
    from difflang.runtime.plans import Request

    tree = assignments(arguments)
    engine = open_engine(file, settings)
    require_function(engine, function)
    request = Request(file, function, frozenset(tree), settings.options(), None, wrt_names(wrt))
    if request.wrt:
        require_wrt(engine, request)
        require_values(request.wrt, tree)
    parameters = engine.lowered(function, request.options.precision).signature.parameters
    values = resolve(tree, {parameter.name: parameter.type for parameter in parameters})
    comparison = compare(engine, request, values, budget)
    if settings.console.form == "json":
        timings = {name: asdict(timing) for name, timing in comparison.timings.items()}
        problems = {name: {"problem": problem.diagnostics[0].message} for name, problem in comparison.problems.items()}
        print(json_text({**timings, **problems}))
    else:
        print(table(comparison))


def table(comparison: Comparison) -> str:
    """A line for each timing, and one for each derivative that there is none of."""
    heads = f"{'time':>12} {'of value':>9} {'compile':>9} {'arrays':>12} {'flops':>10} {'moved':>12}"
    lines = [f"{'':10} {heads} {'of peak':>8} {'runs':>7}"]
    for name, timing in comparison.timings.items():
        about = "~" if timing.estimated else ""
        figures = f"{duration(timing.seconds):>12} {timing.per_value:9.2f} {timing.compile_seconds:7.2f} s"
        counts = (
            f"{timing.array_bytes:10} B {about + f'{timing.flops:.3g}':>10} {about + f'{timing.moved_bytes:.3g}':>10} B"
        )
        lines.append(f"{name:10} {figures} {counts} {timing.of_peak:8.1%} {timing.runs:7}")
    lines += [f"{name:10} none: {problem.diagnostics[0].message}" for name, problem in comparison.problems.items()]
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    scale, unit = next(((s, u) for s, u in ((1.0, "s"), (1e-3, "ms")) if seconds >= s), (1e-6, "us"))
    return f"{seconds / scale:.3g} {unit}" if seconds < 1e3 else f"{seconds:.0f} s"
