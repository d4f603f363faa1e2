"""The items of a module, node by node."""

from __future__ import annotations

from difflang.syntax import ast, parse

REAL = ("Name", "real")


def vector(size):
    return ("Index", REAL, (("Name", size),))


def test_imports(item, brief):
    assert brief(item("import optim")) == ("Import", ("optim",), None)
    assert brief(item("import optim.adam as adam")) == ("Import", ("optim", "adam"), "adam")
    names = (("cholesky", None), ("qr", "orthogonal"))
    assert brief(item("from linalg import cholesky, qr as orthogonal")) == ("FromImport", ("linalg",), names)
    assert brief(item("from linalg import (\n  cholesky,\n  qr as orthogonal,\n)"))[2] == names


def test_constants_and_data(item, brief):
    assert brief(item("const tau = 2 * pi"))[:3] == ("ConstDef", "tau", None)
    assert brief(item("const n: int = 2"))[2] == ("Name", "int")
    data = item('data x: real[n, d] = load("f.csv")')
    assert brief(data.type) == ("Index", REAL, (("Name", "n"), ("Name", "d")))
    assert brief(data.source)[1] == ("Name", "load")


def test_structs(item, brief):
    fields = (("Field", "w", vector("n")), ("Field", "b", REAL))
    parameters = (("TypeParameter", "n", False), ("TypeParameter", "T", False))
    for text in (
        "struct P[n, T]:\n    w: real[n]\n\n    # the offset\n    b: real\n",
        "struct P[n, T]: w: real[n]; b: real",
        "struct P[n, T]:\n    w: real[n]; b: real;\n",
    ):
        assert brief(item(text)) == ("StructDef", "P", parameters, fields, None)


def test_functions(item, brief):
    function = item("fn f[k, static n, T](x: real[n], m: int = 2, g: fn(real) -> real = h) -> (real, T) = x")
    assert brief(function.type_parameters) == tuple(
        ("TypeParameter", name, static) for name, static in (("k", False), ("n", True), ("T", False))
    )
    assert brief(function.parameters[1]) == ("Parameter", "m", ("Name", "int"), ("Number", 2))
    assert brief(function.parameters[2].type) == ("FunctionType", (REAL,), REAL)
    assert brief(function.result) == ("Tuple", (REAL, ("Name", "T")))
    assert brief(function.body) == (("Return", ("Name", "x")),)
    assert (function.name_span.column, function.name_span.end_column) == (4, 5)


def test_four_forms_of_a_body(item, brief):
    forms = ("fn f(x) = x", "fn f(x): return x", "fn f(x):\n  return x", "fn f(x) =\n    x")
    assert len({brief(item(form).body) for form in forms}) == 1


def test_size_parameters_may_be_called_static(item):
    assert [p.static for p in item("fn f[static, static other](x: real) = x").type_parameters] == [False, True]


def test_types(item, brief):
    def of(text):
        return brief(item(f"fn f(x: {text}) = x").parameters[0].type)

    half = ("Binary", "/", ("Binary", "*", ("Name", "n"), ("Binary", "+", ("Name", "n"), ("Number", 1))), ("Number", 2))
    assert of("real[n*(n+1)/2]") == ("Index", REAL, (half,))
    assert of("optim.Method[n]") == ("Index", ("Attribute", ("Name", "optim"), "Method"), (("Name", "n"),))
    assert of("(real, int[n],)")[1] == (REAL, ("Index", ("Name", "int"), (("Name", "n"),)))
    assert of("(real)") == REAL
    assert of("fn() -> fn(real, P[n]) -> bool")[2][1] == (REAL, ("Index", ("Name", "P"), (("Name", "n"),)))
    assert of("Pair[(real, real), fn(real) -> real]")[2][1][0] == "FunctionType"


def test_extern_and_rules(item, brief):
    assert brief(item("extern fn f(x: real[n]) -> real"))[3] == REAL
    rule = item("rule vjp f(x, y, ybar) = ybar * x")
    assert (rule.mode, rule.function, [p.name for p in rule.parameters]) == ("vjp", "f", ["x", "y", "ybar"])
    assert brief(item("rule jvp f(x, dx):\n    return dx").body) == (("Return", ("Name", "dx")),)


def test_implicit_functions(item, brief):
    one = item("implicit fn f(a: real) -> w: real:\n    where w * w == a via linalg.cg\n    return sqrt(a)\n")
    assert isinstance(one, ast.ImplicitDef)
    assert brief(one.unknowns) == (("Parameter", "w", REAL, None),)
    assert brief(one.conditions[0])[3] == ("Attribute", ("Name", "linalg"), "cg")
    two = item(
        "implicit fn f(a: real) -> (x: real[n], y: real):\n"
        "    where g(x, y) == 0\n    where h(x) == 0\n    let where = 1\n    return (a, a)\n"
    )
    assert [u.name for u in two.unknowns] == ["x", "y"]
    assert len(two.conditions) == 2
    assert len(two.body) == 2


def test_tests(item):
    test = item('test "a \\"name\\"":\n    assert 1 < 2\n')
    assert (test.name, len(test.body)) == ('a "name"', 1)


def test_soft_keywords_name_parameters_fields_and_functions():
    module = parse(
        "struct data: test: real; rule: int\n"
        "fn test(data: real, by: int, via: int, where: int) = data\n"
        "fn implicit(x: real):\n    let extern = test(x, by = 1, via = 2, where = 3)\n    return extern\n"
        'const rule = 1\ndata data: real[n] = load("f.npy")\n'
    )
    assert [item.name for item in module.items] == ["data", "test", "implicit", "rule", "data"]
