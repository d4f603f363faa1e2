"""Modules: their items by name, looked up when they are needed; imports; the prelude."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from difflang.check.environment import Binding, Scope
from difflang.check.functions import Closure, OverloadSet
from difflang.check.kinds import SCALAR_NAMES, inside_itself, parameter_kinds, size_names
from difflang.check.special import special_function
from difflang.check.types import StructInfo
from difflang.check.values import ItemValue, ModuleValue, TypeValue, Value
from difflang.diagnostics.model import Label, Span, error
from difflang.diagnostics.suggest import did_you_mean, listing
from difflang.sizes import Size
from difflang.syntax import ast
from difflang.syntax.outline import item_names

if TYPE_CHECKING:
    from difflang.check.program import Program

NAMED = (ast.FunctionDef, ast.ExternDef, ast.ImplicitDef, ast.StructDef, ast.ConstDef, ast.DataDef)


Items = Mapping[str, Sequence[ast.Item]]
Kind = TypeVar("Kind", bound=ast.Item)


def written_module(program: Program, module: ast.Module, name: str, prelude: Scope) -> ModuleScope:
    """The scope of a file that was parsed as a whole. Raises E0204 where a name is defined twice."""
    items: dict[str, list[ast.Item]] = {}
    rules: dict[str, list[ast.Item]] = {}
    for item in module.items:
        if isinstance(item, ast.RuleDef):
            rules.setdefault(item.function, []).append(item)
        _enter(items, item)
    scope = ModuleScope(program, module.path, name, prelude, items, rules)
    scope.bind_data_sizes(module)
    return scope


def _enter(items: dict[str, list[ast.Item]], item: ast.Item) -> None:
    for name in item_names(item):
        earlier = items.setdefault(name, [])
        if earlier and not (isinstance(item, ast.FunctionDef) and isinstance(earlier[0], ast.FunctionDef)):
            raise error(
                "E0204", f"`{name}` is defined twice in this module", place_of(item),
                Label(place_of(earlier[0]), "it is defined here too"), hint="only functions may share a name",
            )  # fmt: skip
        if name in SCALAR_NAMES and not (name == "key" and isinstance(item, ast.FunctionDef)):
            raise error(
                "E0204",
                f"`{name}` is a type and cannot be redefined",
                place_of(item),
                hint=f"choose another name, such as `{name}_value`",
            )
        earlier.append(item)


class ModuleScope(Scope):
    """The outermost scope of a file. Items are turned into values when they are first asked for."""

    def __init__(self, program: Program, path: str, name: str, prelude: Scope, items: Items, rules: Items) -> None:
        super().__init__(prelude)
        self.program = program
        self.path = path
        self.name = name
        self.items = items
        self._rules = rules
        self._made: dict[str, Binding] = {}
        self._being_made: set[str] = set()

    def bind_data_sizes(self, module: ast.Module) -> None:
        """Makes the sizes of the data items known as types."""
        for item in module.items:
            if isinstance(item, ast.DataDef):
                self.types.update(
                    {n: Size.name(self._global(n)) for n in size_names(item.type, self) if n not in self.items}
                )

    def _global(self, size: str) -> str:
        """The name of a size of a data item in the whole program."""
        return size if self.path == self.program.path else f"{self.name}.{size}"

    def data_sizes(self, item: ast.DataDef) -> list[str]:
        """The names of the sizes that a data item binds."""
        return [self._global(n) for n in size_names(item.type, self) if n not in self.items]

    @property
    def is_root(self) -> bool:
        return True

    @property
    def directory(self) -> Path:
        return self.program.directory_of(self.path)

    def written(self, kind: type[Kind]) -> list[Kind]:
        """The items of one kind."""
        return [item for items in self.items.values() for item in items if isinstance(item, kind)]

    def rules_of(self, name: str) -> dict[str, ast.RuleDef]:
        """The rules that this module states for one of its functions, by mode."""
        return {i.mode: i for i in self._rules.get(name, ()) if isinstance(i, ast.RuleDef)}

    def own(self, name: str) -> Binding | None:
        if name not in self.items:
            return None
        if name not in self._made:
            items = self.items[name]
            if name in self._being_made and isinstance(items[0], ast.StructDef):
                raise inside_itself(items[0])
            if name in self._being_made:
                message = f"`{name}` is imported in a circle: every module of the circle takes it from another one"
                raise error("E0203", message, place_of(items[0]), hint="import it from the module that defines it")
            self._being_made.add(name)
            try:
                self._made[name] = Binding(self._make(name, items), span=place_of(items[0]))
            finally:
                self._being_made.discard(name)
        return self._made[name]

    def names(self) -> Iterator[str]:
        yield from self.items

    def _make(self, name: str, items: Sequence[ast.Item]) -> Value:
        match items[0]:
            case ast.FunctionDef() as node if self.rules_of(name):
                if len(items) > 1:
                    rule = next(iter(self.rules_of(name).values()))
                    raise error(
                        "E0511",
                        f"`{name}` has several forms, so a rule for it is not clear",
                        rule.span,
                        hint="give the form with the rule a name of its own",
                    )
                return special_function(node, self, self.rules_of(name))
            case ast.FunctionDef():
                members = [Closure(i, self, name) for i in items if isinstance(i, ast.FunctionDef)]
                return members[0] if len(members) == 1 else OverloadSet(name, members)
            case ast.StructDef() as definition:
                return TypeValue(name, StructInfo(definition, self, parameter_kinds(definition, self)))
            case (ast.ConstDef() | ast.DataDef()) as node:
                return ItemValue(node, self)
            case ast.Import() as node:
                return self._import(node)
            case ast.FromImport() as node:
                return self._from_import(node, name)
            case node:
                return special_function(node, self, self.rules_of(name))

    def _import(self, node: ast.Import) -> Value:
        """`import optim.adam` names the last part; the part may be a module or a member of one."""
        path = node.module
        if self.program.has_module(path, self.directory) or len(path) == 1:
            scope = self.program.module(path, self.directory, node.span)
            return ModuleValue(".".join(path), scope)
        owner = self.program.module(path[:-1], self.directory, node.span)
        return imported(owner, path[-1], node.span)

    def _from_import(self, node: ast.FromImport, name: str) -> Value:
        wanted, span = next((n, s) for n, alias, s in node.names if (alias or n) == name)
        submodule = (*node.module, wanted)
        if not self.program.has_module(node.module, self.directory) and self.program.has_module(
            submodule, self.directory
        ):
            return ModuleValue(".".join(submodule), self.program.module(submodule, self.directory, span))
        owner = self.program.module(node.module, self.directory, node.span)
        if owner.own(wanted) is None and self.program.has_module(submodule, self.directory):
            return ModuleValue(".".join(submodule), self.program.module(submodule, self.directory, span))
        return imported(owner, wanted, span)


def imported(owner: ModuleScope, name: str, span: Span) -> Value:
    """A member of a module, by name. Raises E0207."""
    binding = owner.own(name)
    if binding is None:
        hint = did_you_mean(name, owner.items, f"it has {listing(owner.items)}")
        raise error("E0207", f"the module {owner.name} has no `{name}`", span, hint=hint)
    return binding.value


def place_of(item: ast.Item) -> Span:
    """Where an item is named."""
    return item.name_span if isinstance(item, NAMED) else item.span


class PreludeScope(Scope):
    """What is in scope everywhere: builtins, constants, types, and `prelude.dl` (read when first needed)."""

    def __init__(self, program: Program, builtins: dict[str, Value]) -> None:
        super().__init__(None)
        self.program = program
        self._builtins = builtins

    @property
    def is_root(self) -> bool:
        return True

    def own(self, name: str) -> Binding | None:
        if name in self._builtins:
            return Binding(self._builtins[name])
        library = self.program.prelude_module()
        if library is None or name not in library.items:
            return None
        return library.own(name)

    def names(self) -> Iterator[str]:
        yield from self._builtins
        library = self.program.prelude_module()
        if library is not None:
            yield from library.items
