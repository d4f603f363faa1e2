"""`difflang lsp`: the language server for editors, on the standard input and output."""

from __future__ import annotations

import click

from difflang.diagnostics import error


@click.command("lsp")
def command() -> None:
    """Serve an editor: mistakes while typing, documentation, completion, definitions, layout."""
    try:
        from difflang.cli.language_server import make_server
    except ModuleNotFoundError:
        hint = 'Install the extra "lsp": pip install "difflang[lsp]".'
        raise error("E0904", "The language server needs pygls, which is not installed.", hint=hint) from None
    make_server().start_io()
