"""Did you mean ...?"""

from __future__ import annotations

from difflang.diagnostics.suggest import did_you_mean, listing, nearest


def test_the_nearest_names():
    assert nearest("wieght", ["weight", "bias", "x"]) == ["weight"]
    assert nearest("LOSS", ["loss", "data"]) == ["loss"]
    assert nearest("zzz", ["weight"]) == []


def test_hints():
    assert did_you_mean("stpes", ["steps", "rate"]) == "Did you mean `steps`?"
    assert did_you_mean("q", ["steps"], "It has `steps`.") == "It has `steps`."
    assert did_you_mean("q", ["steps"]) is None


def test_listings_are_short():
    assert listing(["a", "b"]) == "`a`, `b`"
    assert listing(map(str, range(20)), 2) == "`0`, `1`, and 18 more"
