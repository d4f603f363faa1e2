"""Expressions: Python's own parser is the oracle where the two languages agree; the rest is stated node by node."""

from __future__ import annotations

import ast as python

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from difflang.syntax import ast, parse_expression

OPERATORS = {
    python.Add: "+", python.Sub: "-", python.Mult: "*", python.Div: "/", python.FloorDiv: "//", python.Mod: "%",
    python.Pow: "**", python.MatMult: "@", python.Eq: "==", python.NotEq: "!=", python.Lt: "<", python.LtE: "<=",
    python.Gt: ">", python.GtE: ">=", python.And: "and", python.Or: "or", python.Not: "not", python.USub: "-",
    python.UAdd: "+",
}  # fmt: skip


def of_python(node: python.AST):
    """Python's tree in a common form."""
    match node:
        case python.Constant(value=value):
            return value
        case python.Name(id=name):
            return name
        case python.BinOp(left=left, op=op, right=right):
            return (OPERATORS[type(op)], of_python(left), of_python(right))
        case python.UnaryOp(op=op, operand=operand):
            return (OPERATORS[type(op)], of_python(operand))
        case python.BoolOp(op=op, values=values):
            result = of_python(values[0])
            for value in values[1:]:
                result = (OPERATORS[type(op)], result, of_python(value))
            return result
        case python.Compare(left=left, ops=ops, comparators=others):
            return ("compare", tuple(OPERATORS[type(op)] for op in ops), *map(of_python, [left, *others]))
        case python.IfExp(test=test, body=then, orelse=otherwise):
            return ("if", of_python(test), of_python(then), of_python(otherwise))
        case python.Call(func=function, args=args, keywords=keywords):
            return (
                "call",
                of_python(function),
                *map(of_python, args),
                *((k.arg, of_python(k.value)) for k in keywords),
            )
        case python.Attribute(value=value, attr=name):
            return (".", of_python(value), name)
        case python.Subscript(value=value, slice=index):
            parts = index.elts if isinstance(index, python.Tuple) else [index]
            return ("index", of_python(value), *map(of_python, parts))
        case python.Slice(lower=lower, upper=upper):
            return (":", lower and of_python(lower), upper and of_python(upper))
        case python.Tuple(elts=elements):
            return ("tuple", *map(of_python, elements))
        case python.List(elts=elements):
            return ("list", *map(of_python, elements))
        case _:
            raise AssertionError(python.dump(node))


def of_ours(node: ast.Expr | None):
    """Our tree in the same form."""
    match node:
        case None:
            return None
        case ast.Number(value=value):
            return value
        case ast.Name(name=name):
            return name
        case ast.Binary(operator=operator, left=left, right=right):
            return (operator, of_ours(left), of_ours(right))
        case ast.Unary(operator=operator, operand=operand):
            return (operator, of_ours(operand))
        case ast.Comparison(operands=operands, operators=operators):
            return ("compare", operators, *map(of_ours, operands))
        case ast.Conditional(condition=condition, then=then, otherwise=otherwise):
            return ("if", of_ours(condition), of_ours(then), of_ours(otherwise))
        case ast.Call(function=function, args=args, keywords=keywords):
            return ("call", of_ours(function), *map(of_ours, args), *((k.name, of_ours(k.value)) for k in keywords))
        case ast.Attribute(value=value, name=name):
            return (".", of_ours(value), name)
        case ast.Index(value=value, indices=indices):
            return ("index", of_ours(value), *map(of_ours, indices))
        case ast.Slice(start=start, stop=stop):
            return (":", of_ours(start), of_ours(stop))
        case ast.Tuple(elements=elements):
            return ("tuple", *map(of_ours, elements))
        case ast.ArrayLiteral(elements=elements):
            return ("list", *map(of_ours, elements))
        case _:
            raise AssertionError(node)


def same_as_python(text: str) -> None:
    assert of_ours(parse_expression(text)) == of_python(python.parse(text, mode="eval").body)


SAME_AS_PYTHON = [
    "-x ** 2", "2 ** -1", "a ** b ** c", "(a ** b) ** c", "not a == b", "not a and b or c",
    "a + b * c - d / e // f % g",
    "a @ b @ c", "-a @ b", "a < b <= c != d", "(a < b) < c", "a if b else c if d else e", "(a if b else c) if d else e",
    "a or b if c or d else e", "f(a)(b).c[d].e", "a[1:n, :, 2:, :3]", "f(a, b, c=d + 1, e=f)", "(a,)", "(a, b, c)",
    "[a, [b], (c, d)]", "- - x", "not not a", "a - (b - c)", "f(a,)", "1e-3 + 0.5 * 1_000 + 2.5e10", "a[i][j]",
    "((((a))))",
    "a * -b", "+a ** -b", "x.T @ (x @ w - y) + lam * w", "a == b == c",
]  # fmt: skip


@pytest.mark.parametrize("text", SAME_AS_PYTHON)
def test_precedence_and_shape_are_those_of_python(text):
    same_as_python(text)


names = st.sampled_from(["a", "b", "x1", "data", "test", "by"])
numbers = st.one_of(st.integers(0, 10**6).map(str), st.floats(0.001, 1e6).map(repr))
binary = st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "@", "and", "or", "==", "!=", "<", "<=", ">", ">="])
unary = st.sampled_from(["-", "+", "not "])


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{} {} {}".format, inner, binary, inner),
        st.builds("({})".format, inner),
        st.builds("{}({})".format, unary, inner),
        st.builds("-{}".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("f({}, k={})".format, inner, inner),
        st.builds("g[{}, {}:]".format, inner, inner),
        st.builds("({}, {})".format, inner, inner),
    )


@given(st.recursive(st.one_of(names, numbers), compound, max_leaves=12))
@settings(max_examples=300, deadline=None)
def test_random_expressions_agree_with_python(text):
    try:
        python.parse(text, mode="eval")
    except SyntaxError:
        return  # `a * not (b)` and the like are errors in Python; they are in test_mistakes
    same_as_python(text)


def test_literals(expression):
    assert expression("2") == ("Number", 2)
    assert type(parse_expression("2").value) is int
    assert type(parse_expression("2.0").value) is float
    assert expression("1e3") == ("Number", 1000.0)
    assert expression("true") == ("Boolean", True)
    assert expression(r'"a\n\"\\"') == ("String", 'a\n"\\')
    assert expression("9223372036854775807") == ("Number", 2**63 - 1)


def test_comprehensions_and_generators(expression):
    i, j = ("Clause", "i", ("Number", 0), ("Name", "n"), None), ("Clause", "j", None, None, None)
    assert expression("[e for i in 0..n, j]") == ("Comprehension", ("Name", "e"), (i, j))
    generator = ("Generator", ("Name", "e"), (i, j), ("Name", "c"))
    assert expression("sum(e for i in 0..n, j if c)") == ("Call", ("Name", "sum"), (generator,), ())
    step = ("Clause", "i", ("Number", 0), ("Name", "n"), ("Number", 2))
    assert expression("[e for i in 0..n by 2]") == ("Comprehension", ("Name", "e"), (step,))
    assert expression("f(a, e for j)")[2] == (("Name", "a"), ("Generator", ("Name", "e"), (j,), None))
    choice = ("Conditional", ("Name", "c"), ("Name", "a"), ("Name", "b"))
    assert expression("[a if c else b for j]") == ("Comprehension", choice, (j,))
    assert expression("sum(a for j in 0..i + 1)")[2][0][2][0][3] == ("Binary", "+", ("Name", "i"), ("Number", 1))


def test_lambdas(expression):
    x = ("Parameter", "x", ("Name", "real"), None)
    assert expression("fn(x: real) = x") == ("Lambda", (x,), ("Name", "x"))
    assert expression("fn() = 1") == ("Lambda", (), ("Number", 1))
    assert expression("fn(x, n: int = 2) = x ** n")[1][1] == ("Parameter", "n", ("Name", "int"), ("Number", 2))
    nested = expression("f(fn(a) = fn(b) = a + b, c)")
    assert nested[2][0][2][0] == "Lambda"
    assert nested[2][1] == ("Name", "c")


def test_spread_and_keywords(expression):
    call = expression("P(..p, w = w2)")
    assert call == ("Call", ("Name", "P"), (("Spread", ("Name", "p")),), (("Keyword", "w", ("Name", "w2")),))
    assert expression("grad(f, wrt = (a, b))")[3] == (("Keyword", "wrt", ("Tuple", (("Name", "a"), ("Name", "b")))),)


def test_soft_keywords_are_names(expression):
    for word in ("data", "test", "rule", "by", "via", "where", "static", "extern", "implicit"):
        assert expression(f"{word}({word}.{word}[{word}], {word} = {word})")[1] == ("Name", word)


def test_lines_mean_nothing_inside_brackets(expression):
    assert expression("f(\n  a,\n\n  # why\n  b\n)") == expression("f(a, b)")
    assert expression("(a\n + b)") == expression("a + b")


def test_spans_cover_the_text_with_its_parentheses():
    node = parse_expression("(a + b) * cd")
    assert (node.span.column, node.span.end_column) == (1, 13)
    assert (node.left.span.column, node.left.span.end_column) == (2, 7)
    assert (node.right.span.column, node.right.span.end_column) == (11, 13)
    call = parse_expression("p.weight(\n  x)")
    assert (call.span.line, call.span.end_line, call.span.end_column) == (1, 2, 5)
    assert (call.function.name_span.column, call.function.name_span.end_column) == (3, 9)
