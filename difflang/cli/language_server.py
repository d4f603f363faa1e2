"""The language server: answers of `difflang.cli.editor` in the terms of the Language Server Protocol 3.17.

Mistakes are shown as they are typed; hovering shows a signature and its text; names are completed; definitions are
found; a file is brought into the usual layout. Positions are translated by the document, which knows the encoding
that the editor counts in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.workspace import PositionCodec, TextDocument

from difflang import __version__
from difflang.check.documentation import Entry
from difflang.cli import editor
from difflang.diagnostics import Diagnostic, DiffLangError, Span
from difflang.syntax.format import format_source

SYNC = types.TextDocumentSyncKind.Full
KINDS = {
    "fn": types.CompletionItemKind.Function,
    "struct": types.CompletionItemKind.Struct,
    "import": types.CompletionItemKind.Module,
    "const": types.CompletionItemKind.Constant,
    "data": types.CompletionItemKind.Variable,
}
SYMBOLS = {
    "fn": types.SymbolKind.Function,
    "struct": types.SymbolKind.Struct,
    "const": types.SymbolKind.Constant,
    "data": types.SymbolKind.Variable,
}
SEVERITIES = {"error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning}


Mistake = types.Diagnostic
"""A diagnostic as editors show it."""
Placed = types.HoverParams | types.CompletionParams | types.DefinitionParams


def make_server() -> LanguageServer:
    """A server with every feature, ready for `start_io`."""
    server = LanguageServer("difflang", __version__, text_document_sync_kind=SYNC)
    _register_diagnostics(server)
    _register_answers(server)
    return server


def _register_diagnostics(server: LanguageServer) -> None:
    def publish(uri: str) -> None:
        document = server.workspace.get_text_document(uri)
        found = [_diagnostic(mistake, document) for mistake in editor.mistakes(document.source, Path(document.path))]
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found))

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        publish(params.text_document.uri)

    _ = opened, changed, saved


def _register_answers(server: LanguageServer) -> None:
    def at(params: Placed) -> tuple[str, Path, int, int]:
        document = server.workspace.get_text_document(params.text_document.uri)
        place = document.position_from_client_units(params.position)
        return document.source, Path(document.path), place.line + 1, place.character + 1

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        entry = editor.meaning(*at(params))
        return types.Hover(_markdown(entry)) if entry else None

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=["."]))
    def completion(params: types.CompletionParams) -> list[types.CompletionItem]:
        return [_completion(entry) for entry in editor.fitting(*at(params))]

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> types.Location | None:
        entry = editor.meaning(*at(params))
        return _location(entry.place, server) if entry and entry.place else None

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def symbols(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        document = server.workspace.get_text_document(params.text_document.uri)
        return [_symbol(entry, document) for entry in editor.items(document.source, Path(document.path))]

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    def formatting(params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
        return _formatted(server.workspace.get_text_document(params.text_document.uri))

    _ = hover, completion, definition, symbols, formatting


def _diagnostic(mistake: Diagnostic, document: TextDocument) -> Mistake:
    """A mistake with its hint; one in another file stands at the head of this one and names its place."""
    here = mistake.span is not None and mistake.span.path == document.path
    elsewhere = f"{mistake.span.path}:{mistake.span.line}: " if mistake.span and not here else ""
    text = f"{elsewhere}{mistake.message}" + (f"\n{mistake.hint}" if mistake.hint else "")
    place = mistake.span if mistake.span and here else Span(document.path, 1, 1, 1, 1)
    return Mistake(
        _range(place, document.position_codec, document.lines),
        text,
        severity=SEVERITIES[mistake.severity],
        code=mistake.code,
        source="difflang",
    )


def _markdown(entry: Entry) -> types.MarkupContent:
    return types.MarkupContent(
        types.MarkupKind.Markdown, f"```difflang\n{entry.signature}\n```\n\n{entry.text}".strip()
    )


def _completion(entry: Entry) -> types.CompletionItem:
    kind = KINDS.get(entry.signature.split(" ", 1)[0], types.CompletionItemKind.Function)
    return types.CompletionItem(entry.name, kind=kind, detail=entry.signature, documentation=entry.text or None)


def _location(place: Span, server: LanguageServer) -> types.Location:
    uri = Path(place.path).resolve().as_uri()
    document = server.workspace.get_text_document(uri)
    return types.Location(uri, _range(place, document.position_codec, document.lines))


def _symbol(entry: Entry, document: TextDocument) -> types.DocumentSymbol:
    words = entry.signature.replace("implicit ", "").replace("extern ", "").split(" ", 1)
    kind = SYMBOLS.get(words[0], types.SymbolKind.Function)
    place = _range(entry.place or Span(document.path, 1, 1, 1, 1), document.position_codec, document.lines)
    return types.DocumentSymbol(entry.name, kind, place, place, detail=entry.signature)


def _formatted(document: TextDocument) -> list[types.TextEdit] | None:
    """One edit of the whole text; none where it cannot be parsed (its mistakes are shown already)."""
    try:
        text = format_source(document.source, document.path)
    except DiffLangError:
        return None
    if text == document.source:
        return []
    end = types.Position(len(document.lines) + 1, 0)
    return [types.TextEdit(types.Range(types.Position(0, 0), end), text)]


def _range(span: Span, codec: PositionCodec, lines: Sequence[str]) -> types.Range:
    start = types.Position(span.line - 1, span.column - 1)
    end = types.Position(span.end_line - 1, span.end_column - 1)
    return codec.range_to_client_units(lines, types.Range(start, end))
