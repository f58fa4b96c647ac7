import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { CpuResponse, SerialData } from '../../debug-adapter/protocol';
import { activeSession, hello, samples, stopDebugging, Stops, until } from './support/editor';

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

  it('the serial terminal shows what the guest writes and sends what is typed', async () => {
    const program = join(samples, 'echo.S');
    writeFileSync(program, ECHO);
    const output = serialOutput();
    await vscode.debug.startDebugging(undefined, { ...configuration, name: 'echo', program, stopOnEntry: false });
    await until('the prompt', () => output.text().includes('name? '));
    const terminal = vscode.window.terminals.find(({ name }) => name === 'Serial: echo');
    assert.ok(terminal, 'there is no terminal');
    terminal.sendText('Ada');
    await until('the answer', () => output.text().endsWith('Ada\n'));
    await until('the end of the session', () => vscode.debug.activeDebugSession === undefined);
    output.dispose();
    terminal.dispose();
  });
});

/** Asks for a name on the terminal, and repeats it. */
const ECHO = `
        .globl  _start
_start: movl    $1, %eax
        movl    $1, %edi
        leaq    prompt(%rip), %rsi
        movl    $6, %edx
        syscall
        xorl    %eax, %eax
        xorl    %edi, %edi
        leaq    buffer(%rip), %rsi
        movl    $64, %edx
        syscall
        movl    %eax, %edx
        movl    $1, %eax
        movl    $1, %edi
        leaq    buffer(%rip), %rsi
        syscall
        movl    $60, %eax
        xorl    %edi, %edi
        syscall
        .section .rodata
prompt: .ascii  "name? "
        .bss
buffer: .zero   64
`;

/** Gathers what guests write to their serial ports. */
function serialOutput(): vscode.Disposable & { text(): string } {
  const chunks: Buffer[] = [];
  const listener = vscode.debug.onDidReceiveDebugSessionCustomEvent(({ event, body }) => {
    if (event === 'ringside/serialOutput') chunks.push(Buffer.from((body as SerialData).data, 'base64'));
  });
  return {
    text: () => Buffer.concat(chunks).toString(),
    dispose: () => void listener.dispose(),
  };
}
