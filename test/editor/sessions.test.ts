import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { CpuResponse } from '../../debug-adapter/protocol';
import { activeSession, hello, stopDebugging, Stops, until } from './support/editor';

const configuration = { type: 'ringside', request: 'launch', program: hello };

describe('sessions in the editor', () => {
  let stops: Stops;
  beforeEach(() => (stops = new Stops()));
  afterEach(async () => {
    await stopDebugging();
    stops.dispose();
  });

  it('two at once are independent', async () => {
    await vscode.debug.startDebugging(undefined, { ...configuration, name: 'first' });
    await stops.next();
    const first = activeSession();
    const starting = new Promise<vscode.DebugSession>((started) => {
      const listener = vscode.debug.onDidStartDebugSession((session) => {
        if (session.name !== 'second') return;
        listener.dispose();
        started(session);
      });
    });
    await vscode.debug.startDebugging(undefined, { ...configuration, name: 'second' });
    const second = await starting;
    await stops.next();
    const count = async (session: vscode.DebugSession): Promise<number> =>
      ((await session.customRequest('ringside/cpu')) as CpuResponse).instructionCount;
    const before = await count(first);
    await second.customRequest('stepIn', { threadId: 1, granularity: 'instruction' });
    await stops.next();
    assert.equal(await count(second), before + 1);
    assert.equal(await count(first), before);
    await vscode.debug.stopDebugging(second);
    assert.equal(await count(first), before);
  });

  it("the guest's serial output appears in a terminal", async () => {
    const written: string[] = [];
    const listener = vscode.debug.onDidReceiveDebugSessionCustomEvent(({ event, body }) => {
      if (event === 'ringside/serialOutput') written.push((body as { data: string }).data);
    });
    await vscode.debug.startDebugging(undefined, { ...configuration, name: 'talkative', stopOnEntry: false });
    const terminal = await until('the terminal', () =>
      vscode.window.terminals.find(({ name }) => name === 'Serial: talkative'),
    );
    const text = (): string => Buffer.concat(written.map((data) => Buffer.from(data, 'base64'))).toString();
    await until('the greeting', () => text().includes('Hello, ring 0!'));
    listener.dispose();
    terminal.dispose();
  });
});
