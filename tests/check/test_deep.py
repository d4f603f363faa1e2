"""Programs that nest as deeply as the syntax allows are compiled like any other."""

from __future__ import annotations

import pytest

import difflang as dl

HEAD = "fn f(x: real) -> real"
DEEP = {
    "sum": (f"{HEAD} = {' + '.join(['x'] * 190)}", 190.0),
    "parentheses": (f"{HEAD} = {'(' * 100}x{')' * 100}", 1.0),
    "calls": (f"{HEAD} = {'abs(' * 95}-x{')' * 95}", 1.0),
    "choices": (f"{HEAD} = {''.join(f'{k}.0 if x > {89 - k} else ' for k in range(90))}x", 89.0),
    "lambdas": (f"{HEAD} = {'(fn(x) = ' * 45}x{')(x)' * 45}", 1.0),
    "blocks": (
        f"{HEAD}:\n    var y = x\n{''.join('    ' * (k + 1) + 'if y > 0:' + chr(10) for k in range(45))}"
        f"{'    ' * 46}y = 2\n    return y",
        2.0,
    ),
    "returns": (f"{HEAD}:\n{''.join(f'    if x < {-k}: return {k}.0{chr(10)}' for k in range(100))}    return x", 1.0),
    "statements": (
        f"{HEAD}:\n    var y = x\n{'    y = y + 1' + chr(10)}" + "    y = y + 1\n" * 999 + "    return y",
        1001.0,
    ),
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_programs_run(name):
    text, expected = DEEP[name]
    assert dl.loads(text).f.on(backend="reference")(1.0) == expected
