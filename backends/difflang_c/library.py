"""A library of C functions that stands alone: wrappers with plain arguments, messages for failures, the header."""

from __future__ import annotations

import re
from collections.abc import Sequence

from difflang.backend.protocol import CompileOptions, Exported, LibraryText
from difflang.core.ir import FLOATS, DType, Func
from difflang.diagnostics import Diagnostic, Span
from difflang.loops.ir import Program
from difflang.loops.schedule import schedule
from difflang.loops.sites import HostRecord, HostSite, Site, failure, refusal
from difflang.runtime.text import pieces
from difflang_c.generate import Function, generate
from difflang_c.support import C_TYPES, support_text

FIRST, SECOND = 7000000001, 7000000002
"""Stand for the values of an index failure while its message is turned into a format."""

SHOWN = {**dict.fromkeys(FLOATS, "real"), "i64": "integer", "i32": "integer", "bool": "truth"}
NO_MEMORY = "the arrays of this program do not fit into memory"
HEADER = """\
/* {name}: compiled by DiffLang. Arrays are contiguous, row by row. Every function returns 0, or the number of a
 * failure, which difflang_message() then tells (one text for each thread, valid until its next failure).
 * Results of type T** are taken from the heap; the caller frees them. */
#ifndef {guard}
#define {guard}

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
#define restrict
extern "C" {{
#endif

const char *difflang_message(void);

{functions}

#ifdef __cplusplus
#undef restrict
}}
#endif

#endif
"""
MESSAGE = """\
static _Thread_local char dl_message[1024];

const char *difflang_message(void) { return dl_message; }"""


def text(name: str, functions: Sequence[Exported], options: CompileOptions) -> LibraryText:
    """The source and the header."""
    bodies: list[Function] = []
    wrappers: list[str] = []
    heads: list[str] = []
    for number, exported in enumerate(functions):
        program = schedule(exported.func, options)
        body = generate(program, f"dl_body_{number}", exported.results)
        bodies.append(body)
        wrappers.append(_wrapper(exported.name, body, program))
        heads.append(_comment(exported, exported.func) + _prototype(exported.name, body) + ";")
    needs = dict.fromkeys([*(piece for body in bodies for piece in body.needs), ("show", None)])
    parts = [
        f'#include "{name}.h"',
        support_text(needs),
        MESSAGE,
        *(f"static {body.text}" for body in bodies),
        *wrappers,
    ]
    guard = re.sub(r"\W", "_", f"{name}_H").upper()
    header = HEADER.format(name=name, guard=guard, functions="\n\n".join(heads))
    return LibraryText("\n\n".join(parts) + "\n", header)


def _prototype(name: str, body: Function) -> str:
    return f"int32_t {name}({', '.join(body.parameters[1:]) or 'void'})"


def _comment(exported: Exported, func: Func) -> str:
    shapes = [f"{p.name}: [{', '.join(map(_dimension, p.type.shape))}]" for p in func.params if p.type.shape]
    lines = [line for line in exported.comment.splitlines() if line.strip()]
    lines += [f"Shapes: {', '.join(shapes)}."] if shapes else []
    safe = "\n * ".join(line.replace("*/", "* /") for line in lines)
    return f"/* {safe} */\n" if lines else ""


def _dimension(dim: object) -> str:
    return str(getattr(dim, "name", None) or getattr(dim, "value", "?"))


def _wrapper(name: str, body: Function, program: Program) -> str:
    arguments = ", ".join(["&state", *(re.sub(r".*?(\w+)$", r"\1", parameter) for parameter in body.parameters[1:])])
    host = f"dl_host_{body.name}" if body.host_calls else "NULL"
    lines = [
        f"{_prototype(name, body)} {{",
        f"    dl_state state = {{.memory = NULL, .host = {host}}};",
        f"    int32_t status = {body.name}({arguments});",
        "    dl_release_all(&state);",
        "    switch (status) {",
        "    case DL_DONE: case DL_HOST_FAILED: break;",
        *(
            f"    case {k}: {_told(program.sites[site], dtypes)}; break;"
            for k, (site, dtypes) in enumerate(body.checks, 1)
        ),
        f"    default: snprintf(dl_message, sizeof dl_message, {_quoted(NO_MEMORY)});",
        "    }",
        "    return status;",
        "}",
    ]
    return "\n\n".join([*_hosts(body, program), "\n".join(lines)])


def _told(site: Site, dtypes: Sequence[DType]) -> str:
    """The statement that writes the message of a failed check."""
    if site.kind == "assert":
        return _format(
            _placed(failure(Site("assert", site.span, code=site.code, message=site.message), ()).diagnostic), dtypes
        )
    values = (FIRST, SECOND) if site.kind == "index" else ()
    template = _placed(failure(site, values).diagnostic)
    return _format(template.replace(str(FIRST), "{0}").replace(str(SECOND), "{1}"), dtypes)


def _placed(diagnostic: Diagnostic) -> str:
    place = _place(diagnostic.span)
    return f"{place}{diagnostic.code}: {diagnostic.message}"


def _place(span: Span | None) -> str:
    return f"{span.path}:{span.line}:{span.column}: " if span else ""


def _format(template: str, dtypes: Sequence[DType]) -> str:
    """A call of snprintf: `{k}` in the template is the value of slot k."""
    arguments: list[str] = []

    def slot(place: int) -> str:
        if place >= len(dtypes):
            return f"{{{place}}}"
        real = dtypes[place] in FLOATS
        arguments.append(f"state.failed[{place}].{'real' if real else 'integer'}")
        return "%g" if real else '%" PRId64 "'

    quoted = "".join(
        slot(part) if isinstance(part, int) else _quoted(part.replace("%", "%%"))[1:-1] for part in pieces(template)
    )
    listed = "".join(f", {argument}" for argument in arguments)
    return f'snprintf(dl_message, sizeof dl_message, "{quoted}"{listed})'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("?", "\\?")
    return f'"{escaped}"'


def _hosts(body: Function, program: Program) -> list[str]:
    """The function that prints for a body: `print` on the standard output, `report` on the standard error."""
    if not body.host_calls:
        return []
    cases = [
        f"    case {k}:\n" + "\n".join(f"        {line}" for line in _printed(record, program.host_sites[record.site]))
        for k, record in enumerate(body.host_calls)
    ]
    head = f"static int32_t dl_host_{body.name}(dl_state *state, int64_t call, dl_slot *slots) {{"
    return ["\n".join([head, "    (void)state;", "    switch (call) {", *cases, "    }", "    return 0;", "}"])]


def _printed(record: HostRecord, site: HostSite) -> list[str]:
    """The case of one call. Nobody waits for a notice (all that an exported function calls by `extern`)."""
    if site.kind == "extern":
        return ["break;"]
    if site.kind == "refuse":
        return [f"{_format(_placed(refusal(site, ()).diagnostic), ())};", "return 1;"]
    template = (
        " ".join(f"{name} = {{{k}}}" for k, name in enumerate(site.names)) if site.kind == "report" else site.text
    )
    stream = "stdout" if site.kind == "print" else "stderr"
    places: list[int] = []
    position = 0
    for _, rank in record.args:
        places.append(position)
        position += 1 + (rank or 0)
    lines: list[str] = []
    for part in pieces(template):
        if isinstance(part, int) and part < len(record.args):
            lines += _shown(record.args[part], places[part], stream)
        elif part != "":
            part = part if isinstance(part, str) else f"{{{part}}}"
            lines.append(f"fputs({_quoted(part)}, {stream});")
    return [*lines, f'fputs("\\n", {stream});', "break;"]


def _shown(argument: tuple[DType, int | None], position: int, stream: str) -> list[str]:
    """The statements that show an argument; of an array its elements in a row."""
    dtype, rank = argument
    if rank is None:
        field = "real" if dtype in FLOATS else "integer"
        return [f"dl_show_{SHOWN[dtype]}({stream}, slots[{position}].{field});"]
    count = " * ".join(f"slots[{position + 1 + axis}].integer" for axis in range(rank))
    element = f"((const {C_TYPES[dtype]} *)slots[{position}].array)[i]"
    return [
        f'fputs("[", {stream});',
        f"for (int64_t i = 0; i < {count}; i++) {{",
        f'    if (i) fputs(", ", {stream});',
        f"    dl_show_{SHOWN[dtype]}({stream}, {element});",
        "}",
        f'fputs("]", {stream});',
    ]
