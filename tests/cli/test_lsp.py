"""`difflang lsp`: a real client and a real server, talking the protocol."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

TEXT = """\
import optim
from linalg import cholesky as factor

## Half of x, ä € 𝛼.
fn half(x: real) -> real = 0.5 * x
fn main(𝛼: real) -> real = half(𝛼) + optim.adm()
"""
GOOD = TEXT.replace("half(𝛼) + optim.adm()", "half( 2.0 )")


class Editor:
    """One open document and the server's answers on it."""

    def __init__(self, client: LanguageClient, uri: str) -> None:
        self.client, self.uri = client, uri
        self.published: asyncio.Queue[list[types.Diagnostic]] = asyncio.Queue()

    def at(self, line: int, character: int) -> dict:
        return {
            "text_document": types.TextDocumentIdentifier(self.uri),
            "position": types.Position(line, character),
        }

    async def change(self, text: str) -> list[types.Diagnostic]:
        document = types.VersionedTextDocumentIdentifier(2, self.uri)
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))
        return await self.published.get()


async def opened(path: Path, text: str) -> Editor:
    client = LanguageClient("test", "1")
    await client.start_io(sys.executable, "-c", "import difflang.cli; difflang.cli.main()", "lsp")
    editor = Editor(client, path.as_uri())

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def published(params: types.PublishDiagnosticsParams) -> None:
        editor.published.put_nowait(list(params.diagnostics))

    await client.initialize_async(types.InitializeParams(capabilities=types.ClientCapabilities()))
    client.initialized(types.InitializedParams())
    item = types.TextDocumentItem(editor.uri, "difflang", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    return editor


async def conversation(path: Path) -> None:
    editor = await opened(path, TEXT)
    client = editor.client
    found = await editor.published.get()
    places = [(d.code, d.range.start.line, d.range.start.character) for d in found]
    assert places == [("E0207", 5, 45)], found
    assert await editor.change(GOOD) == []

    hover = await client.text_document_hover_async(types.HoverParams(**editor.at(5, 29)))
    assert "fn half(x: real) -> real" in hover.contents.value and "Half of x, ä € 𝛼." in hover.contents.value

    place = await client.text_document_definition_async(types.DefinitionParams(**editor.at(5, 29)))
    assert place.uri == editor.uri and (place.range.start.line, place.range.start.character) == (4, 3)

    symbols = await client.text_document_document_symbol_async(
        types.DocumentSymbolParams(types.TextDocumentIdentifier(editor.uri))
    )
    assert [symbol.name for symbol in symbols] == ["half", "main"]

    options = types.FormattingOptions(4, True)
    edits = await client.text_document_formatting_async(
        types.DocumentFormattingParams(types.TextDocumentIdentifier(editor.uri), options)
    )
    assert len(edits) == 1 and "half(2.0)" in edits[0].new_text

    await editor.change(TEXT.replace("optim.adm()", "optim.ad"))
    items = await client.text_document_completion_async(types.CompletionParams(**editor.at(5, 47)))
    assert {"adam", "adagrad", "adamw"} <= {item.label for item in items}
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()


def test_an_editor_is_served(tmp_path):
    asyncio.run(asyncio.wait_for(conversation(tmp_path / "file.dl"), 60))


def test_without_pygls_the_way_out_is_named(monkeypatch, capfd):
    from difflang.cli.app import execute

    monkeypatch.setitem(sys.modules, "difflang.cli.language_server", None)
    assert execute(["lsp"]) == 1
    assert "E0904" in capfd.readouterr().err


@pytest.mark.parametrize(("line", "column", "name"), [(6, 40, "optim"), (6, 46, None), (2, 32, "factor"), (1, 1, None)])
def test_names_of_modules(tmp_path, line, column, name):
    from difflang.cli.editor import meaning

    entry = meaning(TEXT, tmp_path / "file.dl", line, column)
    assert (entry.name if entry else None) == name
