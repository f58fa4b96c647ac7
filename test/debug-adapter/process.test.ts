import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DebugClient } from '@vscode/debugadapter-testsupport';
import { HELLO, KERNEL, lineOf } from './client';

const MAIN = join(import.meta.dirname, '..', '..', 'debug-adapter', 'main.ts');
const NODE = [process.execPath, '--import', 'tsx', MAIN];

describe('adapter process', function () {
  this.timeout(60_000);
  const started: ChildProcessWithoutNullStreams[] = [];
  afterEach(() => {
    for (const adapter of started.splice(0)) adapter.kill('SIGKILL');
  });

  function start(): ChildProcessWithoutNullStreams {
    const [command, ...args] = NODE;
    const adapter = spawn(command, args, { stdio: 'pipe' });
    started.push(adapter);
    return adapter;
  }

  it('should pass the editor-independent test client of Microsoft', async () => {
    const client = new DebugClient(process.execPath, MAIN, 'ringside', {
      env: { ...process.env, NODE_OPTIONS: '--import tsx' },
    });
    client.defaultTimeout = 30_000;
    await client.start();
    try {
      const line = lineOf(join(KERNEL, 'entry_64.S'), 'pushq	$__USER_DS');
      await Promise.all([
        client.waitForEvent('initialized').then(async () => {
          await client.setBreakpointsRequest({ source: { path: join(KERNEL, 'entry_64.S') }, breakpoints: [{ line }] });
          await client.configurationDoneRequest();
        }),
        client.launch({ program: HELLO, kernel: KERNEL, stopOnEntry: false }),
        client.assertStoppedLocation('breakpoint', { path: join(KERNEL, 'entry_64.S'), line }),
      ]);
    } finally {
      await client.stop();
    }
  });

  /** Starts the process and lets it run an endless loop. */
  async function running(): Promise<ChildProcessWithoutNullStreams> {
    const adapter = start();
    const send = (seq: number, name: string, args: object): void => {
      const text = JSON.stringify({ seq, type: 'request', command: name, arguments: args });
      adapter.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    };
    send(1, 'initialize', { adapterID: 'ringside' });
    send(2, 'launch', { program: join(import.meta.dirname, 'programs', 'loop.S'), kernel: KERNEL, stopOnEntry: false });
    await new Promise<void>((resolve) => {
      let text = '';
      adapter.stdout.on('data', (data: Buffer) => {
        text += String(data);
        if (text.includes('"initialized"')) resolve();
      });
    });
    send(3, 'configurationDone', {});
    return adapter;
  }

  it('should end when the client goes away while the guest runs', async () => {
    const adapter = await running();
    await new Promise((resolve) => setTimeout(resolve, 100));
    adapter.stdin.destroy();
    const [code] = (await once(adapter, 'exit')) as [number | null];
    assert.equal(code, 0);
  });

  it('should write nothing but the protocol to stdout', async () => {
    const adapter = start();
    const text = JSON.stringify({ seq: 1, type: 'request', command: 'initialize', arguments: { adapterID: 'x' } });
    adapter.stdin.end(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    let output = '';
    for await (const data of adapter.stdout) output += String(data);
    assert.match(output, /^Content-Length: \d+\r\n\r\n\{.*"command":"initialize".*\}$/);
  });
});
