import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { activeSession, hello, openFile, samples, stopDebugging, Stops, until } from './support/editor';

describe('launch configurations', () => {
  const folder = vscode.workspace.workspaceFolders?.[0];
  let stops: Stops;
  beforeEach(() => (stops = new Stops()));
  afterEach(async () => {
    await stopDebugging();
    stops.dispose();
  });

  it('F5 on an open assembly file needs no launch.json and takes the kernel of the workspace', async () => {
    await openFile(hello);
    await vscode.commands.executeCommand('workbench.action.debug.start');
    assert.equal((await stops.next()).reason, 'entry');
    const { configuration } = activeSession();
    assert.equal(configuration.type, 'ringside');
    assert.equal(configuration.program, hello);
    assert.equal(configuration.serial, 'terminal');
    const { modules } = (await activeSession().customRequest('modules')) as { modules: { id: string; path: string }[] };
    assert.equal(modules.find(({ id }) => id === 'kernel')?.path, join(samples, 'kernel'));
  });

  it('a configuration with nothing but a program is complete', async () => {
    const started = await vscode.debug.startDebugging(folder, {
      type: 'ringside',
      request: 'launch',
      name: 'program alone',
      program: hello,
    });
    assert.ok(started);
    assert.equal((await stops.next()).reason, 'entry');
  });

  for (const [problem, attributes, message] of [
    ['an unknown attribute', { program: hello, memroy: '64M' }, /"memroy".*"memory"/],
    ['a program that does not exist', { program: join(samples, 'no-such.S') }, /no-such\.S/],
    ['a folder as program', { program: samples }, /samples/],
    ['a CPU model there is none of', { program: hello, cpu: 'z80' }, /z80.*intel/],
  ] as const) {
    it(`tells what is wrong with ${problem}`, async () => {
      const refusal = stops.refusal('launch');
      const configuration = { type: 'ringside', request: 'launch', name: problem, ...attributes };
      await vscode.debug.startDebugging(folder, configuration).then(
        () => {},
        () => {}, // A run under test may not show the dialog that tells the user.
      );
      assert.match(await refusal, message);
      await until('no session to be left', () => vscode.debug.activeDebugSession === undefined);
    });
  }
});
