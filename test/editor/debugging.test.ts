import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { CpuResponse, ListingResponse } from '../../debug-adapter/protocol';
import {
  activeSession,
  hello,
  openFile,
  samples,
  sourcePath,
  stopDebugging,
  Stops,
  topFrame,
  until,
} from './support/editor';
import { picture, workbenchPage } from './support/pictures';

/** Number (from 1) of the first line of a file that matches. */
function lineOf(path: string, pattern: RegExp): number {
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .findIndex((text) => pattern.test(text));
  assert.ok(line >= 0, `${path} has no line like ${pattern.source}`);
  return line + 1;
}

async function startHello(): Promise<void> {
  await openFile(hello);
  await vscode.commands.executeCommand('workbench.action.debug.start');
}

async function cpu(): Promise<CpuResponse> {
  return (await activeSession().customRequest('ringside/cpu')) as CpuResponse;
}

describe('debugging a sample in the editor', () => {
  let stops: Stops;
  beforeEach(() => (stops = new Stops()));
  afterEach(async () => {
    await stopDebugging();
    stops.dispose();
  });

  it('stops at _start in ring 3 and shows the line', async () => {
    await startHello();
    await stops.next();
    assert.equal(sourcePath(await topFrame()), hello);
    assert.equal((await cpu()).ring, 3);
    const item = await until('the frame to have the focus', () => vscode.debug.activeStackItem);
    assert.equal(item.session.id, activeSession().id);
  });

  it('a breakpoint in the gutter of entry_64.S is hit, in ring 0', async () => {
    const entry = join(samples, 'kernel', 'entry_64.S');
    const line = lineOf(entry, /^\s+swapgs\b/);
    const location = new vscode.Location(vscode.Uri.file(entry), new vscode.Position(line - 1, 0));
    vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(location)]);
    await startHello();
    await stops.next();
    await vscode.commands.executeCommand('workbench.action.debug.continue');
    assert.equal((await stops.next()).reason, 'breakpoint');
    const frame = await topFrame();
    assert.equal(sourcePath(frame), entry);
    assert.equal(frame.line, line);
    assert.equal((await cpu()).ring, 0);
  });

  it('a breakpoint in the gutter of the listing is hit', async () => {
    await startHello();
    await stops.next();
    await vscode.commands.executeCommand('ringside.openProgramListing');
    const editor = await until('the listing', () => {
      const active = vscode.window.activeTextEditor;
      return active?.document.languageId === 'ringside-listing' && active;
    });
    const listing = (await activeSession().customRequest('ringside/listing', { image: 'program' })) as ListingResponse;
    assert.equal(editor.document.getText(), listing.text);
    const row = listing.lines.find(({ line }) => /\bsyscall\b/.test(editor.document.lineAt(line - 1).text));
    assert.ok(row, 'the listing shows no syscall instruction');
    const location = new vscode.Location(editor.document.uri, new vscode.Position(row.line - 1, 0));
    await stops.answered('setBreakpoints', () => {
      vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(location)]);
    });
    const page = await workbenchPage();
    if (page) await picture(page, 'listing');
    await vscode.commands.executeCommand('workbench.action.debug.continue');
    assert.equal((await stops.next()).reason, 'breakpoint');
    assert.equal((await topFrame()).instructionPointerReference, row.address);
  });

  it('steps by instruction from the source', async () => {
    await startHello();
    await stops.next();
    const before = await cpu();
    await vscode.commands.executeCommand('ringside.stepIntoInstruction');
    await stops.next();
    assert.equal((await cpu()).instructionCount, before.instructionCount + 1);
  });
});
