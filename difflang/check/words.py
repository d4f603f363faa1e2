"""What the words of the language mean: for `difflang doc`. Each has the ways to write it, and a sentence or two."""

from __future__ import annotations

_IMPORT = (
    "import optim, import optim.adam as adam, from linalg import cholesky",
    "A module of the standard library, or a file beside this one.",
)
_CHOICE = (
    "if c: .. elif d: .. else: .., or as a value: a if c else b",
    "Only the branch that is taken is evaluated, under every derivative too.",
)
_FOR = (
    "for i in 0..n:, for i in 0..n by 2:",
    "A sequential loop over a range, whose end is not part of it. A comprehension, [e for i in 0..n], makes an array "
    "of independent elements; there the range may be left out where an array has the index.",
)
_LOGIC = ("a and b, a or b, not a", "Logic of bools; the right side is evaluated only where it decides.")
_TRUTH = ("true, false", "The two values of type bool.")
_IMPLICIT = (
    "implicit fn f(p: real[n]) -> w: real[d]:, then where F == 0 via linalg.cg, then statements",
    "A function whose derivatives follow from the condition, whatever solver computes its value. `where` states it "
    "(one line for each unknown), `via` names the linear solver of the derivatives and may be left out.",
)

WORDS = {
    "import": _IMPORT,
    "from": _IMPORT,
    "as": _IMPORT,
    "const": ("const tau = 2 * pi", "A value with a name in the whole module, known when the program is compiled."),
    "struct": (
        "struct P[n]: w: real[n]; b: real",
        "A record with named fields, one a line or with `;` between them, and with sizes or types as parameters. "
        "`P(w = .., b = ..)` makes one, `P(..p, b = c)` a copy with changes, and `p.w` reads a field.",
    ),
    "fn": (
        "fn f(x: real[n], k: int = 2) -> real = e, fn f(x: real): and a block, fn(x) = e",
        "A function: with one expression, with a block that ends in `return`, or without a name.",
    ),
    "let": ("let x = e, let (a, b) = e", "Names a value, which does not change."),
    "var": ("var x = e, then x = e, x += e, x[i] = e, x.w = e", "A variable. No other name sees that it changes."),
    "if": _CHOICE,
    "elif": _CHOICE,
    "else": _CHOICE,
    "for": _FOR,
    "in": _FOR,
    "by": _FOR,
    "while": ("while c:", "A loop that runs as long as the condition holds."),
    "break": ("break", "Leaves the innermost loop."),
    "continue": ("continue", "Goes on with the next step of the innermost loop."),
    "return": ("return e", "The value of the function, from any place in it."),
    "assert": (
        'assert c, "message"',
        "Stops with the message where the condition is false. A test holds if all of its assertions do.",
    ),
    "and": _LOGIC,
    "or": _LOGIC,
    "not": _LOGIC,
    "true": _TRUTH,
    "false": _TRUTH,
    "data": (
        'data x: real[n, d] = load("file.csv")',
        "An array from a .npy, .npz or .csv file, whose path is relative to this one; the file tells the sizes.",
    ),
    "test": ('test "what holds":', "A block of assertions, which `difflang test` runs."),
    "rule": (
        "rule jvp f(x, dx) = .., rule vjp f(x, y, ybar) = ..",
        "The tangent of the result, or the cotangents of the arguments, instead of what the compiler would derive for "
        "the function `f` of this module. An `extern fn` has no other derivative.",
    ),
    "implicit": _IMPLICIT,
    "where": _IMPLICIT,
    "via": _IMPLICIT,
    "static": (
        "fn f[static n](x: real[n])",
        "Compiles the function anew for each value of the size, which is then a number that the compiler knows.",
    ),
    "extern": (
        "extern fn f(x: real[n]) -> real",
        "A function that Python provides: `m.bind(f = python_function)`. It needs a `rule` to be differentiated.",
    ),
}
"""By the words of `tokens.toml`: how they are written, and what they mean."""
