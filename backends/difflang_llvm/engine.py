"""LLVM itself: optimisation for this machine, object code, and linking into the process."""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from difflang.watch import stage

ENTRY = "difflang_entry"
LARGE_MODULE = 400_000
"""Characters of code above which a module is only tidied: the time of the pipeline, even of level 1, grows with the
square of the length of a function."""

LONG_MODULE = 50_000
"""Characters of code above which the pipeline is that of level 1, with vectors. What is left out (reads numbered
across blocks, jumps threaded, loops unswitched) takes a quarter of the time there and changes the speed by a hundredth,
to either side."""

LONG_BLOCK = 250
"""Instructions in a row above which vectors are not looked for among them: the search takes quadratic time there, and
what is so long is mostly the body of a loop, whose turns fill the vectors."""


@cache
def _prepared_target() -> Any:
    """LLVM's target of this machine, without the reduction of strength in loops.

    That takes a fifth of all the time that LLVM needs, and gains nothing where addresses are made as in `memory`: it
    puts a moving pointer in the place of each, and the registers run out. There is one such setting for a process.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.set_option("", "-disable-lsr")
    return llvm.Target.from_default_triple()


@cache
def target_machine(speed: int = 3) -> Any:
    """A target machine for the host with all its features."""
    return _prepared_target().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=speed,
        reloc="pic",
        codemodel="small",
        jit=True,
    )


@cache
def host_description() -> str:
    """What the object code depends on besides its input."""
    version = ".".join(map(str, llvm.llvm_version_info))
    features = llvm.get_host_cpu_features().flatten()
    return f"{llvm.get_process_triple()} llvm {version} {llvm.get_host_cpu_name()} {features}"


_compiling = threading.RLock()
"""LLVM's context and target machine serve one thread at a time."""


@contextmanager
def _alone() -> Generator[None]:
    with _compiling:
        yield


@stage("optimise")
@_alone()
def optimized(text: str, level: int = 3) -> Any:
    """Parses, verifies and optimises a module. RuntimeError here is a fault of the generator."""
    size = _code_size(text)
    if size > LARGE_MODULE:
        return tidied(text)
    machine = target_machine(level)
    module = _parsed(text, machine)
    options = llvm.create_pipeline_tuning_options(speed_level=min(level, 1) if size > LONG_MODULE else level)
    options.loop_vectorization = level > 1
    options.slp_vectorization = level > 1 and _longest_block(text) <= LONG_BLOCK
    options.loop_interleaving = level > 1
    options.loop_unrolling = level > 1
    builder = llvm.create_pass_builder(machine, options)
    manager = builder.getModulePassManager()
    manager.add_loop_simplify_pass()  # a block before each loop, where the allocation of registers spills what it must
    manager.run(module, builder)
    return module


@stage("optimise")
@_alone()
def tidied(text: str, common: bool = False) -> Any:
    """Parses and verifies a module, puts its functions into each other and folds, in linear time.

    That is enough for what is written as it shall be, as the library is. `common`: what its functions have in common
    is computed once.
    """
    machine = target_machine()
    module = _parsed(text, machine)
    manager = llvm.create_new_module_pass_manager()
    manager.add_always_inliner_pass()
    manager.add_global_dead_code_eliminate_pass()
    manager.add_sroa_pass()
    if common:
        manager.add_new_gvn_pass()  # before what is equal is folded in different ways
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    if common:
        manager.add_new_gvn_pass()
        manager.add_jump_threading_pass()  # for a test that both have
        manager.add_new_gvn_pass()
        manager.add_instruction_combine_pass()
        manager.add_simplify_cfg_pass()
    manager.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1)))
    return module


def _parsed(text: str, machine: Any) -> Any:
    module = llvm.parse_assembly(text)
    module.verify()
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    return module


def _code_size(text: str) -> int:
    """The length of the text without its constants, which cost the optimiser nothing."""
    return len(text) - sum(len(line) for line in text.splitlines() if line.startswith("@"))


def _longest_block(text: str) -> int:
    """The most instructions in a row; they are indented, and nothing else is."""
    longest = length = 0
    for line in text.splitlines():
        length = length + 1 if line.startswith("  ") else 0
        longest = max(longest, length)
    return longest


@stage("object code")
@_alone()
def object_code(module: Any, level: int = 3) -> bytes:
    return target_machine(level).emit_object(module)


@_alone()
def assembly(module: Any) -> str:
    return target_machine().emit_assembly(module)


@cache
def _jit() -> Any:
    return llvm.create_lljit_compiler(target_machine())


_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Library:
    """Native code in the process; it stays as long as this object. Others link against it by name, and keep it."""

    name: str
    tracker: Any
    used: tuple[Library, ...]

    def address(self, symbol: str) -> int:
        return self.tracker[symbol]


@stage("link")
@_alone()
def link_library(
    code: bytes, symbols: Mapping[str, int], libraries: Sequence[Library] = (), exports: Sequence[str] = ()
) -> Library:
    """Loads object code. It imports `symbols`, given by their addresses, and what the libraries define.

    `exports` are the symbols whose addresses are wanted.
    """
    builder = llvm.JITLibraryBuilder()
    builder.add_object_img(code)
    for name, address in symbols.items():
        builder.import_symbol(name, address)
    for library in libraries:
        builder.add_jit_library(library.name)
    for name in exports:
        builder.export_symbol(name)
    name = f"difflang.{next(_numbers)}"
    return Library(name, builder.link(_jit(), name), tuple(libraries))


@cache
def process_symbol(name: str) -> int:
    """The address of a function of the C library. Raises KeyError if there is none."""
    function = getattr(ctypes.CDLL(None), name, None)
    if function is None:
        raise KeyError(name)
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address
