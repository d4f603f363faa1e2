"""`difflang explain`: the page on a code, or the list of all codes."""

from __future__ import annotations

import click

from difflang.cli.options import Settings, output_options
from difflang.diagnostics import error
from difflang.diagnostics.explain import codes, page, title
from difflang.diagnostics.suggest import did_you_mean


@click.command("explain")
@click.argument("code", required=False)
@output_options
def command(code: str | None, settings: Settings) -> None:
    """Show the page on an error CODE, with a wrong program and a right one; without CODE, list all codes."""
    form = settings.console.form
    if code is None:
        if form == "json":
            from difflang.cli.output import json_text

            print(json_text([{"code": known, "title": title(known)} for known in codes()]))
        else:
            print("\n".join(f"{known}  {title(known)}" for known in codes()))
        return
    text = page(code)
    if text is None:
        hint = did_you_mean(code.upper(), codes(), "`difflang explain` lists all codes.")
        raise error("E0910", f"There is no page on `{code}`.", hint=hint)
    if form == "json":
        from difflang.cli.output import json_text

        print(json_text({"code": code.upper(), "title": title(code.upper()), "text": text}))
    else:
        print(text.rstrip("\n"))
