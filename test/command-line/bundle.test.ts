import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, Folder, samples } from './support';

const bundle = join(__dirname, '..', '..', 'dist', 'ringside.js');

interface Ended {
  readonly code: number | null;
  readonly out: string;
}

/** Runs the bundle as a process; standard input stays open unless there is `input`. */
function start(args: readonly string[], input?: string): Promise<Ended> {
  const child = spawn(process.execPath, [bundle, ...args]);
  let out = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => (out += text));
  if (input !== undefined) child.stdin.end(input);
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out })));
}

describe('dist/ringside.js', () => {
  before(function () {
    if (!existsSync(bundle)) this.skip();
  });

  it('runs a sample and exits with its code, though its standard input stays open', async () => {
    const { code, out } = await start(['run', join(samples, 'hello-syscall', 'hello.S')]);
    assert.deepEqual({ code, out: out.replaceAll('\r', '') }, { code: 1, out: 'Hello, ring 0!\n' });
  });

  it('has written everything when it ends', async () => {
    const folder = new Folder();
    const count = 200_000;
    const image = folder.write(
      'a.bin',
      codeOf(`\tmovl $${count}, %ecx\n\tmovw $0x3f8, %dx\n\tmovb $'x, %al\n1:\toutb %al, %dx\n\tloop 1b\n\thlt\n`),
    );
    const { code, out } = await start(['run', image, '--until-hlt']);
    assert.deepEqual([code, out.length], [0, count]);
    folder.dispose();
  });

  it('speaks DAP and LSP', async () => {
    const messages: [string, object][] = [
      ['dap', { seq: 1, type: 'request', command: 'initialize', arguments: { adapterID: 'ringside' } }],
      ['language-server', { jsonrpc: '2.0', id: 1, method: 'initialize', params: { capabilities: {} } }],
    ];
    for (const [command, message] of messages) {
      const body = JSON.stringify(message);
      const child = spawn(process.execPath, [bundle, command]);
      const answer = new Promise<string>((resolve) => child.stdout.setEncoding('utf8').once('data', resolve));
      child.stdin.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
      assert.match(await answer, /^Content-Length: \d+\r\n/);
      const ended = new Promise((resolve) => child.on('close', resolve));
      child.stdin.end();
      await ended;
    }
  });
});
