"""What is given to the functions of the Python interface, refused in its own words where it makes no sense."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from difflang.diagnostics import DiffLangError, error
from difflang.diagnostics.suggest import did_you_mean, listing
from difflang.memory import HOW_TO_WRITE, MOST, bytes_of

P = ParamSpec("P")
R = TypeVar("R")


def diagnosed(public: Callable[P, R]) -> Callable[P, R]:
    """The function; a call that does not fit its parameters raises E0601, E0609 or E0902 instead of a TypeError."""

    @functools.wraps(public)
    def called(*positional: P.args, **named: P.kwargs) -> R:
        try:
            return public(*positional, **named)
        except TypeError as problem:
            # Without a frame below this one the call itself has failed; anything else went wrong inside.
            if problem.__traceback__ is None or problem.__traceback__.tb_next is not None:
                raise
            raise _misfit(public, len(positional), named) from None

    return called


def _misfit(public: Callable[..., Any], count: int, named: Mapping[str, Any]) -> DiffLangError:
    """What a call has too many, twice, or too few of."""
    everything = [p for p in inspect.signature(public).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    parameters = [p for p in everything if p.name != "self" and p.kind is not p.VAR_KEYWORD]
    count -= sum(p.name == "self" for p in everything)
    name = public.__name__
    names = [p.name for p in parameters]
    placed = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    for keyword in named:
        if keyword not in names:
            hint = did_you_mean(keyword, names, f"It has {listing(names)}.")
            return error("E0902", f"`{name}` has no option `{keyword}`.", hint=hint)
        if keyword in placed[:count]:
            return error("E0609", f"`{keyword}` of `{name}` is given twice.", hint="Leave out one of the two.")
    if count > len(placed):
        return _too_many(name, len(placed), [_keyword(p) for p in everything if p.name not in ("self", *placed)])
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in (*placed[:count], *named)]
    return error("E0601", f"`{name}` needs {listing(missing)}.", hint=f"Its arguments are {listing(names)}.")


def _keyword(parameter: inspect.Parameter) -> str:
    """How an option is called; those with names of the user's choice are called `name`."""
    return "name" if parameter.kind is parameter.VAR_KEYWORD else parameter.name


def _too_many(name: str, count: int, options: list[str]) -> DiffLangError:
    """More by position than the `count` that can be; `options` are given by name."""
    wanted = {0: "no arguments", 1: "one argument"}.get(count, f"{count} arguments")
    hint = "Leave out the others."
    if options:
        before = "..., " if count else ""
        hint = f"Give {listing(options)} by name, as in `{name}({before}{options[0]}=...)`."
    return error("E0609", f"`{name}` takes {wanted} by position.", hint=hint)


def switch(name: str, value: object) -> bool:
    """An option that is true or false. Raises E0902 for anything else."""
    if isinstance(value, bool):
        return value
    raise error("E0902", f"`{name}` is True or False, not {value!r}.", hint=f"Write `{name}=True`.")


def text(name: str, value: object, example: str) -> str:
    """An option that is a text. Raises E0902 for anything else."""
    if isinstance(value, str):
        return value
    raise error("E0902", f"`{name}` is a text, not {value!r}.", hint=f'Write `{name}="{example}"`.')


def path(name: str, value: object) -> str | Path:
    """The path of a file or directory. Raises E0902 for anything else."""
    if isinstance(value, str | Path):
        return value
    raise error("E0902", f"`{name}` is a path, not {value!r}.", hint="Give a string or a `pathlib.Path`.")


def whole(value: object) -> int | None:
    """A whole number of Python or NumPy; None for anything else."""
    return None if isinstance(value, bool) or not isinstance(value, Integral) else int(value)


# --- options of the derivative operators, as the text that the program would have; None leaves one out ---


def memory(value: object) -> str | None:
    """The option `memory`. Raises E0608."""
    if value is None:
        return None
    if isinstance(value, str) and bytes_of(value) is not None:
        return f'"{value}"'
    amount = whole(value)
    if amount is not None and amount > 0:
        return str(min(amount, MOST))
    raise error("E0608", f"{value!r} is no amount of memory.", hint=f"{HOW_TO_WRITE[0].upper()}{HOW_TO_WRITE[1:]}.")


def sparse(value: object) -> str | None:
    """The option `sparse`. Raises E0902."""
    return "true" if switch("sparse", value) else None


def order(value: object) -> str:
    """The option `order`. Raises E0608."""
    number = whole(value)
    if number is None or number < 0:
        raise error("E0608", f"The order of a derivative must be a whole number, not {value!r}.", hint="Try `order=2`.")
    return str(number)


def levels(value: object) -> str | None:
    """The option `levels`. Raises E0608."""
    number = whole(value)
    if value is not None and (number is None or number < 1):
        raise error("E0608", f"`levels` must be a whole number from 1 on, not {value!r}.", hint="Try `levels=2`.")
    return None if number is None else str(number)
