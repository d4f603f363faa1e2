"""The pages on errors: one Markdown file a code, its first line `# CODE: title`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

PAGES = Path(__file__).parent / "explain"


@cache
def codes() -> tuple[str, ...]:
    """Every code that has a page, in order."""
    return tuple(sorted(page.stem for page in PAGES.glob("*.md")))


def page(code: str) -> str | None:
    """The Markdown text of the page of a code (letter case is ignored), or None where there is none."""
    path = PAGES / f"{code.upper()}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else None


@cache
def title(code: str) -> str | None:
    """What the first line of a code's page calls it; None where there is no page."""
    text = page(code)
    if text is None:
        return None
    return text.split("\n", 1)[0].removeprefix("#").strip().removeprefix(code.upper()).lstrip(": ").strip()


def is_code(text: str) -> bool:
    """Whether a text has the form of a code, such as `E0301` or `w0504` (it may name no page)."""
    return len(text) == 5 and text[0] in "EeWw" and text[1:].isdigit()
