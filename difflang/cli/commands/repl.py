"""`difflang repl`: declarations and expressions, answered one by one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from difflang.cli.options import Settings, common_options
from difflang.cli.session import Session, completions, is_complete
from difflang.diagnostics import DiffLangError, error
from difflang.diagnostics.suggest import did_you_mean, listing
from difflang.runtime.sources import require_source

PROMPT, CONTINUED = "> ", ". "
HELP = """\
Type an expression for its value, a function for its type, or a declaration (fn, struct, let, import ...).
An empty line ends a block, and an entry with an open bracket.
The standard library: import optim, then optim.adam() and so on.
    :type EXPRESSION   the type, without running anything
    :doc NAME          the documentation of a module or a name of the library
    :list              what has been declared
    :help              this page
    :quit              leave (also :q, exit, quit, Ctrl-D)"""
QUIT = (":quit", ":q", ":exit", "exit", "quit", "exit()", "quit()")
COMMANDS = (":type", ":doc", ":list", ":help", ":quit")


@click.command("repl")
@click.argument("file", required=False)
@common_options
def command(file: str | None, settings: Settings) -> None:
    """Answer declarations and expressions as they are typed, with the declarations of FILE if one is named."""
    session = _opened(file, settings)
    interactive = sys.stdin.isatty()
    if interactive:
        _complete_names(session)
        settings.console.note("DiffLang: expressions and declarations; :help for more, :quit to leave.")
    for entry in _entries(interactive):
        if entry.strip() in QUIT and entry.strip() not in session.names:
            return
        try:
            answer = _answer(session, entry)
        except DiffLangError as problem:
            settings.console.show(problem.diagnostics, problem.sources)
        except KeyboardInterrupt:
            settings.console.note("Interrupted.")
        else:
            print(answer, end="\n" if answer else "", flush=True)


def _opened(file: str | None, settings: Settings) -> Session:
    if file is None:
        return Session(settings)
    from difflang.syntax import decode

    path = require_source(file)
    return Session(settings, decode(path.read_bytes(), file), Path(file).parent)


def _answer(session: Session, entry: str) -> str:
    word, _, rest = entry.strip().partition(" ")
    match word:
        case ":help":
            return HELP
        case ":list":
            return session.source.rstrip("\n")
        case ":type":
            if not rest.strip():
                raise error("E0902", "`:type` needs an expression.", hint="Write, for example, `:type 2 * pi`.")
            return session.type_of(rest.strip())
        case ":doc":
            from difflang.cli.commands.doc import documentation

            return documentation(rest.strip() or None)
        case _ if word.startswith(":"):
            hint = did_you_mean(word, COMMANDS, f"The commands are {listing(COMMANDS)}.")
            raise error("E0901", f"There is no command `{word}`.", hint=hint)
        case _:
            return session.enter(entry)


def _entries(interactive: bool) -> Iterator[str]:
    """Entries of one or more lines, until the input ends."""
    lines: list[str] = []
    while True:
        try:
            lines.append(input((CONTINUED if lines else PROMPT) if interactive else ""))
        except EOFError:
            break
        except KeyboardInterrupt:
            lines.clear()
            print()
            continue
        if is_complete("\n".join(lines)):
            yield "\n".join(lines)
            lines.clear()
    if lines:
        yield "\n".join(lines)
    if interactive:
        print()


def _complete_names(session: Session) -> None:
    """Names are completed with the tabulator key where Python has readline."""
    try:
        import readline
    except ImportError:
        return

    def complete(start: str, state: int) -> str | None:
        found = completions(session, start)
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
