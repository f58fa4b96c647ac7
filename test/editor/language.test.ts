import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { hello, openFile, samples, until } from './support/editor';

describe('the language server in the editor', () => {
  it('marks a wrong operand on its line, and takes the mark away when it is right', async () => {
    const path = join(samples, 'wrong.S');
    writeFileSync(path, '\t.globl _start\n_start:\n\tmovq %rxa, %rbx\n\tret\n');
    const { document } = await openFile(path);
    const diagnostics = (): vscode.Diagnostic[] => vscode.languages.getDiagnostics(document.uri);
    await until('a diagnostic', () => diagnostics().length > 0);
    assert.equal(diagnostics()[0].range.start.line, 2);
    const edit = new vscode.WorkspaceEdit();
    const { text, range } = document.lineAt(2);
    edit.replace(document.uri, range, text.replace('%rxa', '%rax'));
    await vscode.workspace.applyEdit(edit);
    await until('no diagnostic', () => diagnostics().length === 0);
    await document.save();
  });

  it('outlines the labels of a program', async () => {
    const { document } = await openFile(hello);
    const symbols = await until('the outline', async () => {
      const found = await vscode.commands.executeCommand<vscode.DocumentSymbol[] | undefined>(
        'vscode.executeDocumentSymbolProvider',
        document.uri,
      );
      return found?.length ? found : undefined;
    });
    const names = (list: vscode.DocumentSymbol[]): string[] =>
      list.flatMap(({ name, children }) => [name, ...names(children)]);
    assert.ok(names(symbols).includes('_start'), names(symbols).join());
  });
});
