"""The group of commands, each imported when it is called, and the one place where every failure ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from difflang import __version__
from difflang.cli.console import Console, exit_status
from difflang.cli.usage import as_diagnostic, requested_form
from difflang.diagnostics import Diagnostic, DiffLangError, error
from difflang.diagnostics.suggest import did_you_mean, listing

COMMANDS = {
    "run": "run a function of a file",
    "grad": "the value and the gradient of a function",
    "check": "check types, sizes and derivatives; nothing is compiled",
    "emit": "show a stage of compilation",
    "test": "run the test blocks of files",
    "build": "make a shared library and a C header",
    "bench": "time a function and its derivatives",
    "fmt": "rewrite files in the usual layout",
    "repl": "answer expressions and declarations as they are typed",
    "lsp": "the language server for editors",
    "doc": "what a module or a function of the library does",
    "explain": "a page on an error",
    "doctor": "show versions, backends and the cache",
    "cache": "show or clear the cache of compiled code",
    "new": "start a small project",
}
INTERRUPTED = 130
"""The status of a process that was stopped by Ctrl-C, as shells have it."""


class LazyGroup(click.Group):
    """Commands live in modules of their own: `difflang.cli.commands.<name>`, attribute `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return import_module(f"difflang.cli.commands.{cmd_name}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            hint = did_you_mean(name, COMMANDS, f"The commands are {listing(COMMANDS)}.")
            raise error("E0901", f"There is no command `{name}`.", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
@click.version_option(__version__, prog_name="difflang")
def app() -> None:
    """DiffLang: a small language for differentiable programs."""


def execute(arguments: Sequence[str]) -> int:
    """The exit status of a command line. Nothing but a status ever leaves this function."""
    try:
        status = _execute(list(arguments) or ["--help"])
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _execute(arguments: list[str]) -> int:
    console = Console(requested_form(arguments))
    try:
        status = app.main(arguments, prog_name="difflang", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except DiffLangError as problem:
        console.show(problem.diagnostics, problem.sources)
        return exit_status(problem.diagnostics)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as problem:
        diagnostic = as_diagnostic(problem)
        console.show([diagnostic])
        return exit_status([diagnostic])
    except (KeyboardInterrupt, click.exceptions.Abort):
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as problem:  # the promise that no user ever sees a traceback
        return _internal(problem, console)


def _internal(problem: Exception, console: Console) -> int:
    if os.environ.get("DIFFLANG_TRACEBACK"):
        _raise(problem)
    message = f"DiffLang itself has failed: {type(problem).__name__}: {problem}"
    hint = (
        "This is a fault of DiffLang, not of your program. Please report it with the program that shows it; "
        "DIFFLANG_TRACEBACK=1 shows where it happened."
    )
    console.show([Diagnostic("E0999", message, hint=hint)])
    return 1


def _raise(problem: Exception) -> NoReturn:
    raise problem
