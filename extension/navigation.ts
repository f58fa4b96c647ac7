/** Opening places the adapter names. */
import * as vscode from 'vscode';
import type { Location } from '../debug-adapter/protocol';

/** The URI of a DAP `Source.path`: a file, or a URI such as that of a listing. */
export function uriOfPath(path: string): vscode.Uri {
  return /^[a-z][a-z0-9+.-]+:/i.test(path) ? vscode.Uri.parse(path) : vscode.Uri.file(path);
}

export async function goTo(location: Location): Promise<void> {
  const line = Math.max(0, location.line - 1);
  await vscode.window.showTextDocument(uriOfPath(location.path), { selection: new vscode.Range(line, 0, line, 0) });
}
