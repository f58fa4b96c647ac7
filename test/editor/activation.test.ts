import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { EXTENSION_ID, hello, openFile, until } from './support/editor';

const ACTIVATION_LIMIT_MS = 100;

describe('the extension in the editor', () => {
  it('is activated by an assembly file, in under 100 ms', async () => {
    const extension = vscode.extensions.getExtension(EXTENSION_ID);
    assert.ok(extension, 'the extension is not installed');
    const { document } = await openFile(hello);
    assert.equal(document.languageId, 'gas');
    const started = performance.now();
    await extension.activate();
    const took = performance.now() - started;
    assert.ok(extension.isActive);
    assert.ok(took < ACTIVATION_LIMIT_MS, `activation took ${took.toFixed(0)} ms`);
  });

  it('registers every command it contributes', async () => {
    const { commands } = (
      vscode.extensions.getExtension(EXTENSION_ID)!.packageJSON as {
        contributes: { commands: { command: string }[] };
      }
    ).contributes;
    await until('the commands', async () => {
      const registered = await vscode.commands.getCommands(true);
      return commands.every(({ command }) => registered.includes(command));
    });
  });
});
