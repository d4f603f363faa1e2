"""The Python interface: modules, their functions, and the derivative operators on functions.

import difflang as dl
m = dl.loads("fn sq(x: real[n]) -> real = sum(x * x)")
m.sq(numpy.ones(3))
dl.grad(m.sq)(numpy.ones(3))
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, cast, overload

from difflang.curves import Curve
from difflang.diagnostics import Diagnostic, DiffLangError, error
from difflang.diagnostics.suggest import did_you_mean, kind_of, listing
from difflang.runtime import given, stages
from difflang.runtime.engine import Engine, Options, check_precision, find_backend
from difflang.runtime.given import diagnosed
from difflang.runtime.host import RunHost
from difflang.runtime.inspection import parameters_text, python_signature
from difflang.runtime.progress import Callback, Sink
from difflang.runtime.quick import Unusual
from difflang.runtime.sources import load_program, loads_program
from difflang.runtime.types import type_text
from difflang.signature import Signature

Wrt = str | Sequence[str] | None
Memory = str | int | None


class DiffLangWarning(UserWarning):
    """What a program or its run gives reason to doubt; the text is a diagnostic."""


class UnknownFunctionError(DiffLangError, AttributeError):
    """A module has no function of that name. It is an AttributeError too, as `hasattr` expects."""


class Module:
    """A loaded module. Its functions are attributes; one that is called like a method here is `module["bind"]`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._functions: dict[str, Function] = {}

    def __getattr__(self, name: str) -> Function:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Function:
        """The function of that name. Raises E0903 (as an AttributeError) if there is none."""
        if name not in self._functions:
            self._functions[name] = self._function(name)
        return self._functions[name]

    def _function(self, name: str) -> Function:
        names = list(self._engine.program.functions())
        if name not in names:
            hint = did_you_mean(str(name), names, f"It has {listing(names)}." if names else "It has no functions.")
            raise UnknownFunctionError(Diagnostic("E0903", f"The module has no function `{name}`.", hint=hint))
        return Function(self._engine, name, Options())

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies share what is compiled; deep and pickled ones stand on an engine of their own, see `Engine`."""
        return (Module, (self._engine,))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._engine.program.functions()]

    def __repr__(self) -> str:
        return f"<difflang module with {', '.join(self._engine.program.functions()) or 'no functions'}>"

    @diagnosed
    def functions(self) -> list[str]:
        """The names of the module's functions."""
        return list(self._engine.program.functions())

    @diagnosed
    def check(self) -> list[Diagnostic]:
        """Every error and warning of the module; nothing is compiled."""
        return self._engine.program.check()

    @diagnosed
    def bind(self, **functions: Callable[..., Any]) -> Module:
        """Gives `extern fn`s their Python functions, by name; returns the module.

        A function gets NumPy scalars and arrays and returns one, or a tuple where the type says so.
        Raises E0611 for what cannot be called, and for a name that is no `extern fn` of the program.
        """
        for name, function in functions.items():
            if not callable(function):
                message = f"`{name}` is bound to {function!r}, which cannot be called."
                raise error("E0611", message, hint=f"Give a Python function: `bind({name} = lambda x: ...)`.")
            self._require_extern(name)
        self._engine.externs.update(functions)
        return self

    def _require_extern(self, name: str) -> None:
        names = self._engine.program.externs()
        if name in names:
            return
        if name in self.functions():
            message = f"`{name}` is a function of the program, with a body of its own."
            hint = f"Declare it without one to bind it: `extern fn {name}(...) -> ...`."
        else:
            message = f"The program has no extern function `{name}`."
            known = f"It has {listing(names)}." if names else f"Declare it: `extern fn {name}(x: real) -> real`."
            hint = did_you_mean(name, names, known)
        raise error("E0611", message, hint=hint)


class Function:
    """A function of a module, or a derivative of one. Call it with NumPy values, by position or by name.

    Raises DiffLangError: E06xx for wrong arguments, E07xx for data files, E08xx for failures of the run.
    """

    def __init__(
        self,
        engine: Engine,
        expression: str,
        options: Options,
        report: Callable[..., Any] | None = None,
        silent: bool = False,
    ):
        self._engine = engine
        self._expression = expression
        self.options = options
        self._report = report
        self._silent = silent
        self._quick = engine.quick_calls(expression, options)

    def __call__(self, /, *positional: Any, **named: Any) -> Any:
        shape = (len(positional), *named) if named else len(positional)
        quick = self._quick.get(shape)
        if quick is not None:
            try:
                return quick(self, (*positional, *named.values()) if named else positional)
            except Unusual:
                pass
            except DiffLangError as problem:
                self._engine.place(problem, self._expression)
                raise
        outcome = self._engine.call(self._expression, positional, named, self.options, self.make_host())
        if shape not in self._quick:
            self._engine.find_quick_call(self._expression, self.options, shape)
        return outcome.value

    def __reduce__(self) -> tuple[Any, ...]:
        return (Function, (self._engine, self._expression, self.options, self._report, self._silent))

    def make_host(self) -> RunHost:
        """The host of one call: where its figures go, and what answers for external functions."""
        sinks: list[Sink] = [Callback(self._report)] if self._report else []
        strict = self.options.compile.check_residual
        stream = StringIO() if self._silent else None
        return RunHost(sinks, self._engine.externs, stream, _warn, strict)

    def silenced(self) -> Function:
        """The same function, whose `print` and `report` say nothing, nor those of its derivatives."""
        return Function(self._engine, self._expression, self.options, silent=True)

    @property
    def engine(self) -> Engine:
        """What runs it: the program, its data, its external functions."""
        return self._engine

    @property
    def signature(self) -> Signature:
        """The parameters and the result as the program types them."""
        try:
            return self._engine.lowered(self._expression, self.options.precision).signature
        except DiffLangError as problem:
            self._engine.place(problem, self._expression)
            raise

    @property
    def __signature__(self) -> inspect.Signature:
        return python_signature(self.signature)

    @property
    def __name__(self) -> str:
        return self._expression

    @property
    def __doc__(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        head = f"{self._expression}({parameters_text(self.signature)}) -> {type_text(self.signature.result)}"
        text = stages.documentation(self._engine, self._expression)
        return f"{head}\n\n{text}" if text else head

    def __repr__(self) -> str:
        return f"<difflang function {self._expression}>"

    @diagnosed
    def on(
        self,
        *,
        backend: str | None = None,
        precision: str | None = None,
        threads: int | None = None,
        check: str | Sequence[str] | None = None,
        deterministic: bool | None = None,
        report: Callable[[dict[str, Any]], object] | None = None,
    ) -> Function:
        """The same function under other options; what is None stays as it was.

        `check="nan"` stops at the first NaN. `report` is called with the figures of each `report(...)`.
        Raises E0906 for an unknown backend, E0902 for another unknown option.
        """
        options = self.options
        if backend is not None:
            options = replace(options, backend=find_backend(given.text("backend", backend, "reference")).name)
        if precision is not None:
            options = replace(options, precision=check_precision(precision))
        compile_options = stages.compile_options(options.compile, threads, check, deterministic)
        options = replace(options, compile=compile_options)
        if report is not None and not callable(report):
            message = f"`report` must be a function of the figures, not {report!r}."
            raise error("E0902", message, hint="Such as `report=print`.")
        return Function(self._engine, self._expression, options, report or self._report, self._silent)

    @diagnosed
    def emit(self, stage: str = "core") -> str:
        """The text of a stage of compilation: ast, core, opt, loops, llvm, asm, ... Raises E0905 for an unknown one."""
        return stages.emit(self._engine, self._expression, given.text("stage", stage, "core"), self.options)

    def beside(self, expression: str) -> Function:
        """A function that an expression stands for in the same module, under the same options."""
        return Function(self._engine, expression, self.options, self._report, self._silent)

    def derived(self, operator: str, others: Sequence[Function], options: Mapping[str, str]) -> Function:
        """`operator(self, others, name = value, ...)` in the same module. Raises E0612 for functions of another one."""
        if any(other._engine is not self._engine for other in others):
            hint = f"Write both into one file: `dl.{operator}(m.first, m.second)`."
            raise error("E0612", f"`{operator}` takes functions of one module.", hint=hint)
        arguments = [self._expression, *(other._expression for other in others)]
        arguments += [f"{name} = {value}" for name, value in options.items()]
        return self.beside(f"{self._engine.program.operator(operator)}({', '.join(arguments)})")


def _warn(diagnostic: Diagnostic) -> None:
    hint = f" {diagnostic.hint}" if diagnostic.hint else ""
    warnings.warn(f"{diagnostic.code}: {diagnostic.message}{hint}", DiffLangWarning, stacklevel=4)


@diagnosed
def load(path: str | Path) -> Module:
    """The module in a file. Raises DiffLangError for a file that cannot be read and for every syntax error."""
    return Module(Engine(load_program(given.path("path", path)), _warn))


@diagnosed
def loads(text: str, *, path: str = "<string>", directory: str | Path | None = None) -> Module:
    """The module in a text. `directory` is where its imports and data files are looked for.

    Raises E0603 for what is no text.
    """
    if not isinstance(cast("object", text), str):
        message = f"`loads` takes the text of a program, not a value of type {type(text).__name__}."
        raise error("E0603", message, hint="Give a string; `load` reads a file.")
    beside = None if directory is None else given.path("directory", directory)
    return Module(Engine(loads_program(text, given.text("path", path, "model.dl"), beside), _warn))


# --- derivative operators ------------------------------------------------------------------------


def _derived(
    operator: str, function: object, wrt: Wrt = None, others: Sequence[object] = (), **options: str | None
) -> Function:
    for one in (function, *others):
        if not isinstance(one, Function):
            message = f"`{operator}` takes a function of a DiffLang module, but it was given {kind_of(one)}."
            raise error("E0612", message, hint=f'Write it in DiffLang: `dl.{operator}(dl.load("file.dl").f)`.')
    chosen = {name: text for name, text in options.items() if text is not None}
    first, *rest = cast("list[Function]", [function, *others])
    if wrt is not None:
        names = parameter_names(operator, first, wrt)
        chosen = {"wrt": names[0] if len(names) == 1 else f"({', '.join(names)})", **chosen}
    return first.derived(operator, rest, chosen)


def parameter_names(operator: str, function: Function, wrt: object) -> list[str]:
    """The parameters that `wrt` names, the first one for None. Raises E0602 where they are not the function's own."""
    parameters = [parameter.name for parameter in function.signature.parameters]
    if wrt is None:
        return parameters[:1]
    names = [wrt] if isinstance(wrt, str) else list(cast("Sequence[object]", wrt)) if isinstance(wrt, Sequence) else []
    choice = f"Choose from {listing(parameters)}."
    if not names:
        raise error("E0602", f"`wrt` of `{operator}` must name parameters.", hint=choice)
    for k, name in enumerate(names):
        if str(name).partition("[")[0].strip() not in parameters:
            message = f"`{function.__name__}` has no parameter `{name}` to differentiate by."
            raise error("E0602", message, hint=did_you_mean(str(name), parameters, choice))
        if name in names[:k]:
            raise error("E0602", f"`wrt` of `{operator}` names `{name}` twice.", hint="Name each parameter once.")
    return [str(name) for name in names]


@diagnosed
def grad(function: Function, wrt: Wrt = None, *, memory: Memory = None) -> Function:
    """The gradient by the first parameter, or by the named ones (then a tuple, in the order of the names).

    `memory="64 MB"` (or a number of bytes) is the most that a call allocates, results included; what loops cannot store
    for the reverse sweep is computed again. The call raises E0812 where that is too little. All operators in reverse
    mode take it.
    """
    return _derived("grad", function, wrt, memory=given.memory(memory))


@diagnosed
def value_and_grad(function: Function, wrt: Wrt = None, *, memory: Memory = None) -> Function:
    """`(value, gradient)` in one pass."""
    return _derived("value_and_grad", function, wrt, memory=given.memory(memory))


@diagnosed
def jvp(function: Function, wrt: Wrt = None) -> Function:
    """Forward product: takes the arguments, then one direction for each differentiated one; gives `(y, dy)`."""
    return _derived("jvp", function, wrt)


@diagnosed
def vjp(function: Function, wrt: Wrt = None, *, memory: Memory = None) -> Function:
    """Reverse product: takes the arguments, then the cotangent of the result; gives `(y, cotangent)`."""
    return _derived("vjp", function, wrt, memory=given.memory(memory))


@diagnosed
def hvp(function: Function, wrt: Wrt = None, *, memory: Memory = None) -> Function:
    """The Hessian times a direction."""
    return _derived("hvp", function, wrt, memory=given.memory(memory))


@diagnosed
def ggn(function: Function, loss: Function, wrt: Wrt = None, *, memory: Memory = None) -> Function:
    """The generalised Gauss-Newton product J^T H J v of `loss` after `function`, two functions of one module."""
    return _derived("ggn", function, wrt, (loss,), memory=given.memory(memory))


@diagnosed
def checkpoint(function: Function, levels: int | None = None) -> Function:
    """The same function; in reverse mode its inside is recomputed instead of stored."""
    return _derived("checkpoint", function, levels=given.levels(levels))


@diagnosed
def jacobian(function: Function, wrt: Wrt = None, *, sparse: bool = False, memory: Memory = None) -> Function:
    """The Jacobian: the dimensions of the result, then those of the argument."""
    return _derived("jacobian", function, wrt, sparse=given.sparse(sparse), memory=given.memory(memory))


@diagnosed
def hessian(function: Function, wrt: Wrt = None, *, sparse: bool = False, memory: Memory = None) -> Function:
    """The matrix of second derivatives of a real-valued function."""
    return _derived("hessian", function, wrt, sparse=given.sparse(sparse), memory=given.memory(memory))


@diagnosed
def derivative(function: Function, order: int = 1) -> Function:
    """The derivative of this order of a function of one real number."""
    return _derived("derivative", function, order=given.order(order))


@overload
def jet(function: Function, order: int, wrt: Wrt = None) -> Function: ...
@overload
def jet(function: Function, order: None = None, wrt: None = None) -> Curve: ...
@diagnosed
def jet(function: Function, order: int | None = None, wrt: Wrt = None) -> Function | Curve:
    """Taylor coefficients of orders 0 to `order` along a line: takes the arguments, then one direction for each
    differentiated one.

    Without an order, along a curve: `dl.jet(f)((x0, x1, x2), ...)` takes the tuple of its coefficients as f's first
    argument. Raises E0507 for `wrt` there.
    """
    if order is not None:
        return _derived("jet", function, wrt, order=given.order(order))
    if wrt is not None:
        message = "`jet` along a curve is by the first parameter."
        raise error("E0507", message, hint="Give the order: dl.jet(f, order=3, wrt=...)(x, v).")
    return Curve(function, _derived("jet", function).beside)
