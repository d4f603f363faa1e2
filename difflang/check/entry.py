"""Entry points: a function of the program as a closed Core function, with the description of its parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from difflang.check.context import Context, Poisoned, Unsketched, Work
from difflang.check.describe import describe_value, renamed
from difflang.check.functions import OverloadSet
from difflang.check.known import remember
from difflang.check.leaves import atoms, materialize, settle
from difflang.check.specimens import SpecimenMaker
from difflang.check.statements import Frame, run
from difflang.check.values import Arguments, FunctionValue, NothingValue, Value
from difflang.core.ir import Block, Func, Var
from difflang.derive import erased
from difflang.diagnostics.model import Diagnostic, DiffLangError, Span, error
from difflang.diagnostics.suggest import did_you_mean
from difflang.passes import optimize
from difflang.signature import DataInfo, Lowered, Signature
from difflang.sizes import Size
from difflang.syntax import ast
from difflang.syntax.outline import item_names
from difflang.watch import run_stage, stage

if TYPE_CHECKING:
    from difflang.check.environment import Scope
    from difflang.check.program import Program


@stage("check")
def lower_function(
    program: Program,
    node: ast.Expr,
    text: str,
    precision: str,
    given: Collection[str] | None,
    statics: Mapping[str, int],
) -> Lowered:
    """The function that an expression stands for, with parameters of the types it declares."""
    context = Context(program, precision)
    context.builder.open()
    function = context.evaluate(node, program.root)
    if not isinstance(function, FunctionValue):
        raise error("E0303", f"`{text}` is no function", node.span, hint="name a function of the file, such as main")
    maker = SpecimenMaker(context, given, statics, form=form_of(text))
    span = _place_of(program, node)
    with context.at(span):
        named = function.specimens(context, maker)
        result = function.call(context, Arguments((), dict(named), span))
    return finish_lowered(context, maker, text.partition("#")[0].strip(), result, node)


def _place_of(program: Program, node: ast.Expr) -> Span:
    """Where an entry point is to be looked for: a function of the file in the file, other expressions as they are."""
    if isinstance(node, ast.Name) and len(program.root.items.get(node.name, ())) == 1:
        return program.place(node.name)
    return node.span


def form_of(text: str) -> int | None:
    """Which of several functions of one name is meant: the number in a comment behind the expression, `size # 1`."""
    number = text.partition("#")[2].strip()
    return int(number) if number.isdigit() else None


def finish_lowered(context: Context, maker: SpecimenMaker, name: str, result: Value, node: ast.Node) -> Lowered:
    """Closes the function: parameters in their order, results flattened."""
    final = materialize(context, result)
    _require_value(context, final, node)
    results = atoms(settle(context, final, node.span))
    context.require_data()
    _rename_clashing(context, maker)
    params = (*_size_params(context, maker), *maker.params, *context.data_params())
    block = context.builder.close((), results)
    func = Func(name, Block(params, block.eqns, block.results))
    described = None if isinstance(final, NothingValue) else describe_value(context, final, maker.public)
    sizes = tuple(p.name for p in _size_params(context, maker))
    signature = Signature(sizes, tuple(maker.infos), tuple(_apart(maker, context.data_infos())), described)
    return Lowered(func, signature, tuple(context.warnings))


def _rename_clashing(context: Context, maker: SpecimenMaker) -> None:
    """A size of a data item that is called like a parameter, or like a size of one, gets another name outside."""
    taken = {p.name for p in (*maker.size_params, *maker.params)}
    for var in context.sizes.global_vars():
        if var.name in taken:
            maker.public[var.name] = Size.name(f"{var.name}_data")
            var.name = f"{var.name}_data"


def _apart(maker: SpecimenMaker, infos: list[DataInfo]) -> list[DataInfo]:
    """The data items with the names of their sizes as they are outside."""
    return [replace(i, type=renamed(i.type, maker.public)) for i in infos]


def optimized(lowered: Lowered) -> Lowered:
    """The same function without what only derivatives need, after the Core passes."""
    func = run_stage("erase", lambda: erased(lowered.func))
    return replace(lowered, func=optimize(func))


def _size_params(context: Context, maker: SpecimenMaker) -> tuple[Var, ...]:
    return (*maker.size_params, *(v for v in context.sizes.global_vars() if v not in maker.size_params))


def _require_value(context: Context, value: Value, node: ast.Node) -> None:
    for part in parts(value):
        if not isinstance(part, NothingValue):
            raise error(
                "E0320", f"the result is {context.text(part)}, which cannot leave the program", node.span,
                hint="return numbers, arrays, structs and tuples of them",
            )  # fmt: skip


def parts(value: Value) -> list[Value]:
    """The parts of a value that have no run-time form."""
    from difflang.check.values import Array, Scalar, StructValue, TupleValue

    match value:
        case Scalar() | Array():
            return []
        case TupleValue():
            return [p for e in value.elements for p in parts(e)]
        case StructValue():
            return [p for e in value.fields.values() for p in parts(e)]
        case _:
            return [value]


@stage("check")
def lower_test(program: Program, node: ast.TestDef, precision: str) -> Lowered:
    """A test block as a function without parameters."""
    context = Context(program, precision)
    context.builder.open()
    run(context, node.body, (), program.root.child(), Frame(None))
    return finish_lowered(context, SpecimenMaker(context, None, {}), f'test "{node.name}"', NothingValue(), node)


@stage("check")
def check_function(program: Program, item: ast.Item, work: Work) -> list[Diagnostic]:
    """The mistakes in one item, each statement being looked at."""
    try:
        return _checked(program, item, work, sketching=True)
    except Unsketched:
        return _checked(program, item, work, sketching=False)


def _checked(program: Program, item: ast.Item, work: Work, *, sketching: bool) -> list[Diagnostic]:
    """Raises Unsketched where types alone do not show whether a derivative is right."""
    context = Context(program, work=work)
    context.checking = True
    context.sketching = sketching
    context.builder.open()
    try:
        _check_item(context, item, program.root)
    except DiffLangError as failure:
        context.found.extend(failure.diagnostics)
    except Poisoned:
        pass
    return context.found


def _check_item(context: Context, item: ast.Item, root: Scope) -> None:
    match item:
        case ast.FunctionDef() | ast.ImplicitDef() | ast.ExternDef():
            _check_call(context, item, root)
        case ast.TestDef():
            run(context, item.body, (), root.child(), Frame(None))
        case ast.ConstDef() | ast.DataDef():
            context.evaluate(ast.Name(item.name_span, item.name), root)
        case ast.StructDef():
            SpecimenMaker(context, None, {}, opaque=True).of_struct(item, root)
        case ast.RuleDef():
            _check_rule(context, item, root)
        case ast.Import() | ast.FromImport():
            for name in item_names(item):
                root.own(name)
        case _:
            pass


def _check_rule(context: Context, item: ast.RuleDef, root: Scope) -> None:
    """A rule is for a function of its own module; its body is looked at together with that function."""
    binding = root.own(item.function)
    if binding is None or not isinstance(binding.value, FunctionValue):
        message = f"there is no function called `{item.function}` in this module, so it can have no rule"
        names = context.program.functions()
        hint = did_you_mean(
            item.function, names, f"write it first, such as `fn {item.function}(x: real) -> real = ...`"
        )
        raise context.error("E0511", message, item.function_span, hint=hint)


def _check_call(context: Context, item: ast.FunctionDef | ast.ImplicitDef | ast.ExternDef, root: Scope) -> None:
    binding = root.own(item.name)
    assert binding is not None and isinstance(binding.value, FunctionValue)
    function: Any = binding.value
    if isinstance(function, OverloadSet):
        function = next(m for m in function.members if m.node is item)
    maker = SpecimenMaker(context, [p.name for p in item.parameters], {}, opaque=True)
    named = dict(function.specimens(context, maker))
    before = context.work.done
    result = function.call(context, Arguments((), named, item.name_span))
    remember(context, item, tuple(named.values()), result, context.work.done - before)


def data_value(context: Context, node: ast.DataDef, scope: Scope) -> Value:
    """The value of a `data` item: parameters of the Core function that the caller fills from the file."""
    if node not in context.data:
        maker = SpecimenMaker(context, None, {}, data=True)
        value = maker.make(node.type, scope, node.name)
        info = DataInfo(
            node.name,
            data_path(context, node),
            str(context.program.directory_of(node.span.path)),
            describe_value(context, value, maker.public),
            node.name_span,
        )
        context.add_data(node, value, maker.params, info)
    return context.data[node]


def data_path(context: Context, node: ast.DataDef) -> str:
    """The file name in `load("...")`. Raises E0321 for anything else."""
    source = node.source
    match source:
        case ast.Call(function=ast.Name(name="load"), args=(ast.String() as file,), keywords=()):
            return file.value
        case _:
            pass
    raise context.error(
        "E0321", "a data item reads a file", source.span, hint='write load("file.csv"), with a .npy, .npz or .csv file'
    )
