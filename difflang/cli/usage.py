"""Mistakes on the command line that click finds, as diagnostics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from difflang.diagnostics import Diagnostic
from difflang.diagnostics.suggest import did_you_mean, listing

if TYPE_CHECKING:
    from difflang.diagnostics.render import Format

FORMS = ("full", "short", "json")


def requested_form(arguments: Sequence[str]) -> Format:
    """The `--format` of a command line that may be wrong elsewhere."""
    for position, argument in enumerate(arguments):
        if argument == "--format" and position + 1 < len(arguments):
            value = arguments[position + 1]
        elif argument.startswith("--format="):
            value = argument.removeprefix("--format=")
        else:
            continue
        return value if value in FORMS else "full"
    return "full"


def as_diagnostic(problem: click.ClickException) -> Diagnostic:
    """E0902 with the options or choices that exist."""
    if isinstance(problem, click.NoSuchOption):
        known = [name for parameter in problem.ctx.command.params for name in parameter.opts] if problem.ctx else []
        hint = _nearest_option(problem.option_name, known, _all_options(known))
        return Diagnostic("E0902", f"There is no option `{problem.option_name}`.", hint=hint)
    if isinstance(problem, click.MissingParameter):
        return Diagnostic("E0902", _missing(problem), hint=_help_hint(problem))
    if isinstance(problem, click.BadParameter) and problem.param is not None:
        name = problem.param.opts[-1]
        if isinstance(problem.param.type, click.Choice):
            return _bad_choice(problem, name, [str(choice) for choice in problem.param.type.choices])
        return Diagnostic("E0902", f"`{name}`: {problem.message}", hint=_help_hint(problem))
    return Diagnostic("E0902", problem.format_message(), hint=_help_hint(problem))


def _all_options(known: Sequence[str]) -> str:
    options = [name for name in known if name.startswith("-")]
    return f"The options are {listing(options)}." if options else "Leave it out: this command has no options."


def _nearest_option(name: str, known: Sequence[str], otherwise: str) -> str | None:
    """The dashes that all options share say nothing about what is meant."""
    bare = {option.lstrip("-"): option for option in known}
    hint = did_you_mean(name.lstrip("-"), bare, otherwise)
    return hint if hint is None or hint is otherwise else hint.replace("`", "`--", 1).replace(" or `", " or `--")


def _bad_choice(problem: click.BadParameter, name: str, choices: Sequence[str]) -> Diagnostic:
    given = problem.message.split("'")[1] if "'" in problem.message else ""
    hint = did_you_mean(given, choices, f"Choose from {listing(choices)}.")
    return Diagnostic("E0902", f"`{given}` is no value for `{name}`.", hint=hint)


def _missing(problem: click.MissingParameter) -> str:
    parameter = problem.param
    if parameter is None:
        return problem.format_message()
    name = (
        parameter.opts[-1] if isinstance(parameter, click.Option) else (parameter.name or "").upper().removesuffix("S")
    )
    return f"`{name}` is missing."


def _help_hint(problem: click.ClickException) -> str:
    context = getattr(problem, "ctx", None)
    path = context.command_path if isinstance(context, click.Context) else "difflang"
    return f"`{path} --help` shows how it is written."
