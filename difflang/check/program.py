"""A program: a file with the modules it uses, and what can be asked of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from difflang.check import comprehension, expressions, indexing
from difflang.check.context import Work
from difflang.check.entry import check_function, lower_function, lower_test, optimized
from difflang.check.modules import ModuleScope, PreludeScope, place_of, written_module
from difflang.check.names import PREFIXES
from difflang.check.places import Places
from difflang.check.prelude import HIDDEN, prelude_values
from difflang.diagnostics.model import Diagnostic, DiffLangError, Label, Span, error
from difflang.diagnostics.suggest import did_you_mean
from difflang.signature import Lowered
from difflang.stack import deeply
from difflang.syntax import ast, decode, parse, parse_expression
from difflang.syntax.outline import outline

HANDLERS = (comprehension, expressions, indexing)
"""Imported for the expression classes they register."""


def load(path: str | Path) -> Program:
    """The program in a file. Raises DiffLangError E0701 when it cannot be read, E01xx when it cannot be parsed."""
    path = Path(path)
    return Program(_read(path), str(path), path.parent)


def loads(text: str, path: str = "<string>", directory: str | Path | None = None) -> Program:
    """The program in a string; imports and data files are looked for in `directory`."""
    return Program(text, path, Path(directory) if directory is not None else Path.cwd())


def _read(path: Path) -> str:
    try:
        return decode(path.read_bytes(), str(path))
    except OSError as failure:
        reason = failure.strerror or "it cannot be read"
        raise error("E0701", f"the file {path} cannot be opened: {reason.lower()}", hint="check the path") from None


def library_directory() -> Path:
    """Where the standard library is: in the installed package, or in the checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_data" / "stdlib"
    return installed if installed.is_dir() else package.parent / "stdlib"


class Program:
    """A parsed file. Modules it imports are read when they are first used; `sources` holds all texts read so far.

    It is pickled as its text; the files beside it are read again where it is loaded.
    """

    def __init__(self, text: str, path: str, directory: Path) -> None:
        self.path = path
        self.directory = directory
        self.sources: dict[str, str] = {path: text}
        self.places = Places(path, library_directory(), self.sources)
        self.lookups: dict[Path, Path | None] = {}
        """Where files of modules were looked for, with the file that was there."""
        self._modules: dict[Path, ModuleScope] = {}
        self._directories: dict[str, Path] = {path: directory}
        self._prelude_module: ModuleScope | None = None
        self.prelude = PreludeScope(self, prelude_values())
        self.tree = parse(text, path)
        self.root = written_module(self, self.tree, Path(path).stem, self.prelude)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Program, (self.sources[self.path], self.path, self.directory.absolute()))

    # --- what it offers ---

    def functions(self) -> list[str]:
        """The names of the functions of the file."""
        return [
            name
            for name, items in self.root.items.items()
            if isinstance(items[0], ast.FunctionDef | ast.ImplicitDef | ast.ExternDef)
        ]

    def place(self, name: str) -> Span:
        """Where an item of the file is named."""
        return place_of(self.root.items[name][0])

    def operator(self, name: str) -> str:
        """What an expression calls a derivative operator, whose name the file may have given to a function."""
        return HIDDEN + name if name in self.root.items else name

    def externs(self) -> list[str]:
        """The names of the external functions of the file, and of the files beside it that it imports."""
        modules = [self.root]
        for module in modules:
            modules += [found for found in self._imported(module) if found not in modules]
        return [item.name for module in modules for item in module.written(ast.ExternDef)]

    def _imported(self, module: ModuleScope) -> list[ModuleScope]:
        """The modules outside the library that one imports."""
        found: list[ModuleScope] = []
        for item in (*module.written(ast.Import), *module.written(ast.FromImport)):
            names = item.names if isinstance(item, ast.FromImport) else ()
            for path in (item.module, item.module[:-1], *((*item.module, name) for name, _, _ in names)):
                file = self._file(path, module.directory) if path else None
                if file is not None and not file.is_relative_to(library_directory()):
                    found.append(self._module_at(file, ".".join(path)))
        return found

    def check(self) -> list[Diagnostic]:
        """Every mistake in the file, found without compiling: each function is elaborated for all its sizes.

        What is wrong for all of them is not said again of a call, which would be known by pointing to more places.
        """
        unique = list({(d.code, d.span, d.message): d for d in deeply(self._found)}.values())
        places: dict[object, list[set[Label]]] = {}
        for d in unique:
            places.setdefault((d.code, d.span), []).append(set(d.labels))
        return [d for d in unique if not any(less < set(d.labels) for less in places[d.code, d.span])]

    def _found(self) -> list[Diagnostic]:
        """What is found in the items one by one, up to one that grows without bound."""
        found: list[Diagnostic] = []
        work = Work()
        for item in self.tree.items:
            found.extend(check_function(self, item, work))
            if any(d.code == "E0309" for d in found):
                break
        return found

    def tests(self, precision: str = "f64") -> list[tuple[str, Callable[[], Lowered]]]:
        """The test blocks: their names, and thunks that lower them."""
        blocks = [item for item in self.tree.items if isinstance(item, ast.TestDef)]
        return [(t.name, lambda t=t: deeply(lambda: optimized(lower_test(self, t, precision)))) for t in blocks]

    def lower(
        self,
        expression: str,
        *,
        precision: str = "f64",
        given: Collection[str] | None = None,
        statics: Mapping[str, int] | None = None,
        optimize: bool = True,
    ) -> Lowered:
        """A function of the program as closed Core. `expression` is any expression of function type in its scope.

        Parameters that are not in `given` and have defaults take them inside. Without `optimize`, the Core as it was
        elaborated, for readers. Raises DiffLangError.
        """
        node = parse_expression(expression)

        def lowered() -> Lowered:
            function = lower_function(self, node, expression, precision, given, statics or {})
            return optimized(function) if optimize else function

        return deeply(lowered)

    def forms(self, expression: str) -> list[str]:
        """Expressions for the single functions that an expression may mean, where a name in it has several.

        The number of the function stands in a comment, which `lower` reads: `grad(size) # 1`.
        """
        names = re.findall(r"[^\W\d]\w*", expression)
        counts = [len(self.root.items[n]) for n in names if n in self.root.items]
        count = next((c for c in counts if c > 1), 1)
        return [f"{expression} # {k}" for k in range(count)] if count > 1 else [expression]

    @cached_property
    def data_sizes(self) -> frozenset[str]:
        """The sizes that the data items of the file bind."""
        items = [item for item in self.tree.items if isinstance(item, ast.DataDef)]
        return frozenset(name for item in items for name in self.root.data_sizes(item))

    def data_files(self) -> list[tuple[str, str, Span]]:
        """For the data items of the file: the name, the path as written, and its place."""
        calls = [(i.name, i.source) for i in self.root.written(ast.DataDef) if isinstance(i.source, ast.Call)]
        pairs = [(name, argument) for name, call in calls for argument in call.args]
        return [(name, file.value, file.span) for name, file in pairs if isinstance(file, ast.String)]

    # --- modules ---

    def directory_of(self, path: str) -> Path:
        return self._directories[path]

    def _file(self, module: tuple[str, ...], directory: Path) -> Path | None:
        """The file of a module: beside the one that imports it, or in the standard library."""
        for base in (directory, library_directory()):
            candidate = base.joinpath(*module).with_suffix(".dl")
            found = self.lookups[candidate] = candidate.resolve() if candidate.is_file() else None
            if found is not None:
                return found
        return None

    def has_module(self, module: tuple[str, ...], directory: Path) -> bool:
        return self._file(module, directory) is not None

    def module(self, module: tuple[str, ...], directory: Path, span: Span) -> ModuleScope:
        """A module by its name. Raises E0202 when there is none."""
        path = self._file(module, directory)
        if path is None:
            name = ".".join(module)
            hint = did_you_mean(
                name,
                self._module_names(directory),
                f"modules are files beside this one ({name.replace('.', '/')}.dl), or in the standard library",
            )
            if module[0] in PREFIXES:
                hint = "leave it out: sum, exp, zeros, pi and the like are in scope; more is in `linalg` and `rng`"
            raise error("E0202", f"there is no module called `{name}`", span, hint=hint)
        return self._module_at(path, ".".join(module))

    def _module_at(self, path: Path, name: str) -> ModuleScope:
        if path not in self._modules:
            text = _read(path)
            self.sources[str(path)] = text
            self._directories[str(path)] = path.parent
            self._modules[path] = self._scope(text, path, name)
        return self._modules[path]

    def _scope(self, text: str, path: Path, name: str) -> ModuleScope:
        """A file beside this one is read as a whole, so that all its mistakes are found; the library as it is used."""
        if path.is_relative_to(library_directory()):
            return ModuleScope(self, str(path), name, self.prelude, *outline(text, str(path)))
        return written_module(self, parse(text, str(path)), name, self.prelude)

    def _module_names(self, directory: Path) -> list[str]:
        return [
            p.stem
            for base in (directory, library_directory())
            for p in sorted(base.glob("*.dl"))
            if p.stem != "prelude"
        ]

    def prelude_module(self) -> ModuleScope | None:
        """The part of the prelude that is written in DiffLang."""
        if self._prelude_module is None:
            path = library_directory() / "prelude.dl"
            if path.is_file():
                self._prelude_module = self._module_at(path.resolve(), "prelude")
        return self._prelude_module

    def library_module_with(self, name: str) -> str | None:
        """The standard module that defines a name, for hints."""
        for path in sorted(library_directory().glob("*.dl")):
            if path.stem == "prelude":
                continue
            try:
                module = self._module_at(path.resolve(), path.stem)
            except DiffLangError:
                continue
            if name in module.items and not isinstance(module.items[name][0], ast.Import | ast.FromImport):
                return path.stem
        return None
