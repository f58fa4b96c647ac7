/** Starts the language server and connects the editor to it. */
import type * as vscode from 'vscode';
import { LanguageClient, TransportKind } from 'vscode-languageclient/node';

/** @param server path of the server's bundle; resolves when it runs */
export async function startLanguageClient(server: string): Promise<vscode.Disposable> {
  const client = new LanguageClient(
    'ringside',
    'Ringside Language Server',
    { module: server, transport: TransportKind.ipc },
    { documentSelector: [{ scheme: 'file', language: 'gas' }] },
  );
  await client.start();
  return client;
}
