import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { EXTENSION_ID, hello, openFile, until } from './support/editor';

const ACTIVATION_LIMIT_MS = 100;

/** Time the extension's `activate` took. */
function activationTime(): number | undefined {
  return performance.getEntriesByName('ringside.activate', 'measure').at(0)?.duration;
}

/** Time it takes to read and evaluate the extension's bundle; the best of a few, as other programs run, too. */
function loadingTime({ extensionPath, packageJSON }: vscode.Extension<unknown>): number {
  const load = createRequire(__filename);
  const bundle = load.resolve(join(extensionPath, (packageJSON as { main: string }).main));
  const loaded = load.cache[bundle];
  const times = Array.from({ length: 3 }, () => {
    delete load.cache[bundle];
    const begin = performance.now();
    load(bundle);
    return performance.now() - begin;
  });
  load.cache[bundle] = loaded;
  return Math.min(...times);
}

describe('the extension in the editor', () => {
  it('is activated by an assembly file, in under 100 ms', async () => {
    const extension = vscode.extensions.getExtension(EXTENSION_ID);
    assert.ok(extension, 'the extension is not installed');
    const { document } = await openFile(hello);
    assert.equal(document.languageId, 'gas');
    await until('the activation', () => extension.isActive);
    const took = activationTime();
    assert.ok(took !== undefined, 'the extension did not measure its activation');
    const loading = loadingTime(extension);
    const report = `loading took ${loading.toFixed(1)} ms, activation ${took.toFixed(1)} ms`;
    assert.ok(loading + took < ACTIVATION_LIMIT_MS, report);
    console.log(`      (${report})`);
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
