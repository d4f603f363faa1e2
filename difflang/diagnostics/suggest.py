"""Did you mean ...? The nearest of the names that would have been possible."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str], count: int = 3) -> list[str]:
    """Up to `count` candidates that look like `name`, the best first. Letter case counts less than letters."""
    import difflib

    by_folded = {candidate.casefold(): candidate for candidate in candidates if candidate != name}
    folded = name.casefold()
    matches = difflib.get_close_matches(folded, by_folded, n=count, cutoff=0.6)
    return [by_folded[match] for match in matches]


def did_you_mean(name: str, candidates: Iterable[str], otherwise: str | None = None) -> str | None:
    """A hint such as "Did you mean `weight`?", or `otherwise` where nothing is near.

    A second candidate is shown only where it is as near as the first; more would be noise.
    """
    matches = nearest(name, candidates, 2)
    if not matches:
        return otherwise
    if len(matches) == 2 and _likeness(name, matches[1]) < _likeness(name, matches[0]):
        matches.pop()
    return f"Did you mean {' or '.join(f'`{match}`' for match in matches)}?"


def _likeness(name: str, candidate: str) -> float:
    import difflib

    return difflib.SequenceMatcher(None, candidate.casefold(), name.casefold()).ratio()


def kind_of(value: object) -> str:
    """What a Python value is, with its article: "an int", "a dict"."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def listing(names: Iterable[str], limit: int = 12) -> str:
    """Names in backquotes, separated by commas, the tail left out where there are many."""
    shown = [f"`{name}`" for name in names]
    if len(shown) > limit:
        shown = [*shown[:limit], f"and {len(shown) - limit} more"]
    return ", ".join(shown)
