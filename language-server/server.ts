/** The language server: joins a connection with the features. What a feature does is in features/. */
import { type Connection, type InitializeResult, TextDocuments, TextDocumentSyncKind } from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { version } from '../package.json';
import { DiagnosticsPublisher } from './diagnostics-publisher';
import { completion } from './features/completion';
import { definition } from './features/definition';
import { documentSymbols } from './features/document-symbols';
import { hover } from './features/hover';
import { Folders } from './folders';
import { pathOf, SourceFiles } from './source-files';
import { Workspace } from './workspace';

const CAPABILITIES: InitializeResult = {
  serverInfo: { name: 'Ringside', version },
  capabilities: {
    textDocumentSync: TextDocumentSyncKind.Incremental,
    completionProvider: { triggerCharacters: ['%', '.'] },
    definitionProvider: true,
    documentSymbolProvider: true,
    workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
    hoverProvider: true,
  },
};

/** Serves the client at the other end of `connection` until it leaves. */
export function serve(connection: Connection): void {
  const documents = new TextDocuments(TextDocument);
  const workspace = new Workspace(new SourceFiles(documents));
  const publisher = new DiagnosticsPublisher(
    workspace,
    (uri, diagnostics) => void connection.sendDiagnostics({ uri, diagnostics }),
    (error) => connection.console.error(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );

  const folders = new Folders();
  connection.onInitialize(({ workspaceFolders }) => {
    folders.set(workspaceFolders);
    return CAPABILITIES;
  });
  connection.onInitialized(() => {
    connection.workspace.onDidChangeWorkspaceFolders(({ added, removed }) => folders.change(added, removed));
  });
  documents.onDidChangeContent(({ document }) => {
    const path = pathOf(document.uri);
    if (folders.include(path)) publisher.changed(path);
  });
  documents.onDidClose(({ document }) => publisher.closed(pathOf(document.uri)));
  connection.onCompletion(({ textDocument, position }, token) =>
    token.isCancellationRequested ? null : completion(workspace, pathOf(textDocument.uri), position),
  );
  connection.onDefinition(({ textDocument, position }, token) =>
    token.isCancellationRequested ? null : definition(workspace, pathOf(textDocument.uri), position),
  );
  connection.onHover(({ textDocument, position }, token) =>
    token.isCancellationRequested ? null : (hover(workspace, pathOf(textDocument.uri), position) ?? null),
  );
  connection.onDocumentSymbol(({ textDocument }, token) => {
    if (token.isCancellationRequested) return null;
    const path = pathOf(textDocument.uri);
    return documentSymbols(workspace.explaining(path), path, workspace.files);
  });
  documents.listen(connection);
  connection.listen();
}
