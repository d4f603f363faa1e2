"""`difflang cache`: the compiled code that is kept on disk."""

from __future__ import annotations

import click

from difflang.cli.options import Settings, output_options


def describe() -> str:
    """The cache in one line."""
    from difflang_llvm import cache

    facts = cache.info()
    return f"{facts.entries} entries, {facts.bytes / 2**20:.1f} MiB, in {facts.directory}"


@click.command("cache")
@click.argument("action", type=click.Choice(["info", "clear"]), default="info")
@output_options
def command(action: str, settings: Settings) -> None:
    """Show the cache of compiled code (info), or empty it (clear)."""
    from difflang_llvm import cache

    if action == "clear":
        removed = cache.clear()
        settings.console.note(f"{removed} entries removed.")
    elif settings.console.form == "json":
        from difflang.cli.output import json_text

        facts = cache.info()
        print(json_text({"directory": str(facts.directory), "entries": facts.entries, "bytes": facts.bytes}))
    else:
        print(describe())
