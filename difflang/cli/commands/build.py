"""`difflang build`: a shared library and a C header for other programs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from difflang.cli.options import Settings, common_options
from difflang.diagnostics import DiffLangError, error

if TYPE_CHECKING:
    from difflang.backend.protocol import Exported
    from difflang.runtime.engine import Engine
    from difflang.signature import Lowered, ValueType

LIBRARIES = {"darwin": ".dylib", "win32": ".dll"}


@click.command("build")
@click.argument("file")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where to put it all.")
@click.option(
    "-f", "--function", "functions", multiple=True, metavar="FUNCTION", help="A function to export; all if left out."
)
@click.option(
    "--grad", "gradients", multiple=True, metavar="FUNCTION:NAME[,NAME]",
    help="Export the value and the gradient too, as FUNCTION_grad.",
)  # fmt: skip
@common_options
def command(file: str, out: Path, functions: tuple[str, ...], gradients: tuple[str, ...], settings: Settings) -> None:
    """Build FILE into a shared library and a C header, which need nothing of DiffLang when they run."""
    from difflang.cli.calling import open_engine, require_function
    from difflang.cli.output import json_text
    from difflang.runtime.engine import find_backend

    engine = open_engine(file, settings)
    for name in (*functions, *(gradient.partition(":")[0] for gradient in gradients)):
        require_function(engine, name)
    exported = [*_functions(engine, functions, settings), *_gradients(engine, gradients, settings)]
    if not exported:
        raise error("E0903", f"`{file}` has no function to export.", hint="Write one, such as `fn f(x: real) = x`.")
    name = _library_name(file)
    backend, options = find_backend("c"), settings.options().compile
    text = backend.library(name, exported, options)
    paths = [out / f"{name}.c", out / f"{name}.h", out / f"lib{name}{LIBRARIES.get(sys.platform, '.so')}"]
    _write(out, {paths[0]: text.source, paths[1]: text.header})
    backend.link(paths[0], paths[2], options)
    if settings.console.form == "json":
        print(json_text({"files": [str(path) for path in paths], "functions": [entry.name for entry in exported]}))
    else:
        settings.console.note(f"{', '.join(entry.name for entry in exported)}: {paths[2]} and {paths[1]}")


def _library_name(file: str) -> str:
    name = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in Path(file).stem)
    return name if name[:1].isalpha() else f"dl_{name}"


def _functions(engine: Engine, names: Sequence[str], settings: Settings) -> Iterator[Exported]:
    """The functions asked for; else all that can stand alone: those of functions and of undecided types cannot."""
    if not names:
        _require_right(engine)
    for name in names or engine.program.functions():
        try:
            yield _exported(engine, name, name, settings)
        except DiffLangError as problem:
            if names:
                raise
            place = engine.program.place(name)
            where = f"{place.path}:{place.line}:{place.column}"
            settings.console.note(f"{where}: `{name}` is left out: {problem.diagnostic.message}")


def _require_right(engine: Engine) -> None:
    """Raises what is wrong anywhere in the file, so that nothing is left out for being wrong."""
    wrong = [found for found in engine.program.check() if found.severity == "error"]
    if wrong:
        problem = DiffLangError(*wrong)
        engine.place(problem, "")
        raise problem


def _gradients(engine: Engine, texts: Sequence[str], settings: Settings) -> Iterator[Exported]:
    from difflang.cli.derivatives import require_wrt, wrt_names
    from difflang.runtime.plans import Request

    for text in texts:
        function, _, wrt = text.partition(":")
        if not wrt:
            raise error("E0902", f"`--grad {text}` names no parameter.", hint=f"Write `--grad {function}:NAME`.")
        request = Request("", function, frozenset(), settings.options(), "value_and_grad", wrt_names(wrt))
        require_wrt(engine, request)
        yield _exported(engine, f"{function}_grad", request.expression, settings, request.wrt)


def _exported(engine: Engine, name: str, expression: str, settings: Settings, wrt: Sequence[str] = ()) -> Exported:
    from difflang.backend.protocol import Exported
    from difflang.runtime.stages import documentation

    try:
        lowered = engine.lowered(expression, settings.precision)
    except DiffLangError as problem:
        engine.place(problem, expression)
        raise
    _require_alone(name, lowered)
    comment = documentation(engine, name) or (f"The value of `{expression}`." if expression != name else "")
    return Exported(name, lowered.func, tuple(_result_names(lowered.signature.result, wrt)), comment)


def _require_alone(name: str, lowered: Lowered) -> None:
    """Raises E0913 for a function that needs a data file or a function of Python."""
    from difflang.backend.notice import NOTICE
    from difflang.core.ir import walk

    for data in lowered.signature.data:
        message = f"`{name}` reads the data item `{data.name}`, which a library has not."
        raise error("E0913", message, data.span, hint=f"Make `{data.name}` a parameter of the function.")
    for eqn in walk(lowered.func.block):
        if eqn.op == "extern" and not str(eqn.attrs["name"]).startswith(NOTICE):
            message = f"`{name}` calls the external function `{eqn.attrs['name']}`, which a library has not."
            raise error("E0913", message, eqn.span, hint="Leave it out, or write that function in DiffLang.")


def _result_names(type_: ValueType | None, wrt: Sequence[str]) -> list[str]:
    """`result`, `result_weight`, .. ; of a value with its gradient `value` and `gradient_w` for each parameter."""
    names = list(_result_paths(type_, "result"))
    replaced = {"result[0]": "value", **{f"result[1][{k}]": f"gradient_{name}" for k, name in enumerate(wrt)}}
    if len(wrt) == 1:
        replaced = {"result[0]": "value", "result[1]": f"gradient_{wrt[0]}"}
    for old, new in replaced.items() if wrt else ():
        names = [new + name.removeprefix(old) if name.startswith(old) else name for name in names]
    return [re.sub(r"\W+", "_", name.replace("]", "")) for name in names]


def _result_paths(type_: ValueType | None, path: str) -> Iterator[str]:
    """The flat results: those of arguments, and all that a compressed matrix is made of."""
    from difflang.runtime.marshal import SPARSE_LEAVES
    from difflang.runtime.types import leaves
    from difflang.signature import SparseType, StructType, TupleType

    match type_:
        case None:
            return
        case SparseType():
            yield from (f"{path}.{name}" for name in SPARSE_LEAVES)
        case StructType(fields=fields):
            for name, field in fields:
                yield from _result_paths(field, f"{path}.{name}")
        case TupleType(elements=elements):
            for k, element in enumerate(elements):
                yield from _result_paths(element, f"{path}[{k}]")
        case _:
            yield from (leaf.path for leaf in leaves(type_, path))


def _write(folder: Path, texts: dict[Path, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
    except OSError as failure:
        reason = (failure.strerror or "it cannot be written").lower()
        raise error("E0710", f"`{folder}` cannot be written: {reason}.", hint="Name another directory.") from None
