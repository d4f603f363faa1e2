"""The options that commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import click

from difflang.cli.console import Console
from difflang.cli.usage import FORMS

if TYPE_CHECKING:
    from difflang.diagnostics.render import Format

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the shared options say, ready to use."""

    console: Console
    backend: str = "llvm"
    precision: str = "f64"
    threads: int = 0
    checks: tuple[str, ...] = ()
    watched: bool = False
    """Whether compilation is to be seen: then nothing comes from the cache."""
    deterministic: bool = False

    def options(self) -> Any:
        """The options of compilation. Raises E0902 and E0906 for what does not exist."""
        from difflang.backend.protocol import CompileOptions
        from difflang.runtime.engine import Options, check_precision
        from difflang.runtime.stages import compile_options

        compile_ = compile_options(
            CompileOptions(cache=not self.watched), self.threads, self.checks, self.deterministic
        )
        return Options(self.backend, check_precision(self.precision), compile_)


def output_options(command: Command) -> Command:
    """`--format` and `--quiet`; the command gets a `settings`."""

    @click.option("--format", "form", type=click.Choice(FORMS), default="full", help="How messages are written.")
    @click.option("--quiet", "-q", is_flag=True, help="No progress, no warnings, no remarks.")
    @functools.wraps(command)
    def wrapped(form: str, quiet: bool, **rest: Any) -> Any:
        return command(settings=Settings(Console(cast("Format", form), quiet)), **rest)

    return wrapped


def watch_options(command: Command) -> Command:
    """`--time-passes` and `--print-after`; the command gets a `settings` that knows whether it is watched."""

    @click.option("--time-passes", is_flag=True, help="Show how long each stage of compilation took.")
    @click.option("--print-after", multiple=True, metavar="PASS", help="Show the program after a pass.")
    @functools.wraps(command)
    def wrapped(settings: Settings, time_passes: bool, print_after: tuple[str, ...], **rest: Any) -> Any:
        if not (time_passes or print_after):
            return command(settings=settings, **rest)
        from difflang.cli.watching import watched

        with watched(time_passes, print_after):
            return command(settings=replace(settings, watched=True), **rest)

    return wrapped


def common_options(command: Command) -> Command:
    """The options of everything that compiles."""
    watchable = watch_options(command)

    @click.option("--backend", default="llvm", metavar="NAME", help="llvm (the default), reference, ...")
    @click.option("--precision", default="f64", metavar="f64|f32", help="The precision of `real`.")
    @click.option("--threads", type=int, default=0, metavar="N", help="Threads to use; 0 is all cores.")
    @click.option("--deterministic", is_flag=True, help="The same bits on one thread as on several.")
    @click.option(
        "--check", "checks", multiple=True, metavar="nan|residual",
        help="Stop at the first NaN, or where an implicit condition is not met.",
    )  # fmt: skip
    @click.option("--format", "form", type=click.Choice(FORMS), default="full", help="How output is written.")
    @click.option("--quiet", "-q", is_flag=True, help="No progress, no warnings, no remarks.")
    @functools.wraps(watchable)
    def wrapped(
        backend: str,
        precision: str,
        threads: int,
        deterministic: bool,
        checks: tuple[str, ...],
        form: str,
        quiet: bool,
        **rest: Any,
    ) -> Any:
        console = Console(cast("Format", form), quiet)
        settings = Settings(console, backend, precision, threads, checks, deterministic=deterministic)
        return watchable(settings=settings, **rest)

    return wrapped
