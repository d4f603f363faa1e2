"""`difflang cache`: the compiled code that is kept on disk."""

from __future__ import annotations

from dataclasses import asdict

import click

from difflang.cli.options import Settings, output_options


def describe() -> str:
    """The cache in one line."""
    from difflang_llvm import cache

    from difflang.runtime import plans

    facts = cache.info()
    size = f"{facts.bytes / 2**20:.1f} of at most {facts.limit / 2**20:.0f} MiB"
    return f"{facts.files} compiled functions, {size}, and {plans.count()} plans of runs, in {facts.directory}"


@click.command("cache")
@click.argument("action", type=click.Choice(["info", "clear"]), default="info")
@output_options
def command(action: str, settings: Settings) -> None:
    """Show the cache of compiled code (info), or empty it (clear)."""
    from difflang_llvm import cache

    from difflang.runtime import plans

    if action == "clear":
        removed = cache.clear()
        plans.clear()
        settings.console.note(f"{removed} compiled functions removed.")
    elif settings.console.form == "json":
        from difflang.cli.output import json_text

        print(json_text({**asdict(cache.info()), "plans": plans.count()}))
    else:
        print(describe())
