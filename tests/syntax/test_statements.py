"""Statements and blocks, node by node."""

from __future__ import annotations

import pytest

X, Y = ("Name", "x"), ("Name", "y")
ONE = ("Number", 1)


def test_declarations(body):
    assert body("let a = x") == (("Let", ("Name", "a"), None, X, False),)
    assert body("var a: real = x") == (("Let", ("Name", "a"), ("Name", "real"), X, True),)
    target = ("Tuple", (("Name", "a"), ("Tuple", (("Name", "b"), ("Name", "c")))))
    assert body("let (a, (b, c)) = x") == (("Let", target, None, X, False),)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "//", "%", "**", "@"])
def test_updates(body, operator):
    assert body(f"y {operator}= x") == (("Assign", Y, operator, X),)


def test_assignments(body):
    element = ("Index", ("Name", "a"), (("Name", "i"), ("Name", "j")))
    assert body("a[i, j] += x") == (("Assign", element, "+", X),)
    assert body("p.w = x") == (("Assign", ("Attribute", ("Name", "p"), "w"), None, X),)
    part = ("Index", ("Name", "a"), (("Slice", ONE, ("Name", "n")),))
    assert body("a[1:n] = x") == (("Assign", part, None, X),)
    assert body("(a, b) = x") == (("Assign", ("Tuple", (("Name", "a"), ("Name", "b"))), None, X),)


def test_branches(body):
    expected = ("If", ((X, (("Return", ONE),)), (Y, (("Break",),))), (("Continue",),))
    assert body("if x:", "    return 1", "elif y:", "    break", "else:", "    continue") == (expected,)
    assert body("if x: return 1", "elif y: break", "else: continue") == (expected,)
    assert body("if x: return 1") == (("If", ((X, (("Return", ONE),)),), ()),)


def test_an_else_belongs_to_the_nearest_if(body):
    (outer,) = body("if x:", "    if y: return 1", "    else: return x")
    assert outer[2] == ()
    assert outer[1][0][1][0][2] == (("Return", X),)


def test_loops(body):
    end = ("Name", "n")
    assert body("for t in 0..n: break") == (("For", ("Name", "t"), ("Number", 0), end, None, (("Break",),)),)
    assert body("for t in 0..n by 2:", "    break")[0][4] == ("Number", 2)
    assert body("for by in by..n by by: break")[0][2] == ("Name", "by")
    assert body("while x < y:", "    continue")[0][2] == (("Continue",),)


def test_other_statements(body):
    assert body("return") == (("Return", None),)
    assert body('assert x, "m"') == (("Assert", X, ("String", "m")),)
    assert body("assert x") == (("Assert", X, None),)
    assert body("print(x)") == (("ExprStatement", ("Call", ("Name", "print"), (X,), ())),)


def test_statements_may_begin_with_soft_keywords(body):
    assert body("data = x")[0] == ("Assign", ("Name", "data"), None, X)
    assert body("test(x)")[0][1][1] == ("Name", "test")
    assert body("where.rule[via] = x")[0][0] == "Assign"
