/** What a user of the debugger waits for: F5 to the first stop, and one step; over stdio, as an editor speaks. */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { median, milliseconds, type Row } from './measure';

const FIRST_STOP_GOAL = 1;
const STEP_GOAL = 0.005;
const LAUNCHES = 3;
const STEPS = 300;

interface Message {
  readonly type: string;
  readonly event?: string;
  readonly request_seq?: number;
  readonly success?: boolean;
  readonly message?: string;
}

/** Just enough of a DAP client to launch and step. */
class Client {
  private readonly adapter: ChildProcessWithoutNullStreams;
  private buffer = Buffer.alloc(0);
  private sequence = 1;
  private readonly waiting: { readonly matches: (message: Message) => boolean; readonly resolve: () => void }[] = [];

  constructor(adapterPath: string) {
    this.adapter = spawn(process.execPath, [adapterPath], { stdio: 'pipe' });
    this.adapter.stdout.on('data', (data: Buffer) => this.receive(data));
  }

  send(command: string, args: object = {}): Promise<void> {
    const seq = this.sequence++;
    const text = JSON.stringify({ seq, type: 'request', command, arguments: args });
    this.adapter.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    return this.wait((message) => {
      if (message.request_seq !== seq) return false;
      if (message.success === false) throw new Error(`${command}: ${message.message ?? 'failed'}`);
      return true;
    });
  }

  event(name: string): Promise<void> {
    return this.wait(({ event }) => event === name);
  }

  close(): void {
    this.adapter.kill();
  }

  private wait(matches: (message: Message) => boolean): Promise<void> {
    return new Promise((resolve) => this.waiting.push({ matches, resolve }));
  }

  private receive(data: Buffer): void {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (;;) {
      const header = /^Content-Length: (\d+)\r\n\r\n/.exec(this.buffer.subarray(0, 40).toString('latin1'));
      const end = header ? header[0].length + Number(header[1]) : Infinity;
      if (!header || this.buffer.length < end) return;
      const message = JSON.parse(this.buffer.subarray(header[0].length, end).toString()) as Message;
      this.buffer = this.buffer.subarray(end);
      const index = this.waiting.findIndex(({ matches }) => matches(message));
      if (index >= 0) this.waiting.splice(index, 1)[0].resolve();
    }
  }
}

/** Starts the adapter's process and debugs hello-syscall to its first stop. */
async function firstStop(root: string): Promise<{ client: Client; seconds: number }> {
  const start = performance.now();
  const client = new Client(join(root, 'dist', 'debug-adapter.js'));
  const program = join(root, 'samples', 'hello-syscall', 'hello.S');
  const stopped = client.event('stopped');
  const initialized = client.event('initialized');
  await client.send('initialize', { adapterID: 'ringside' });
  await Promise.all([initialized, client.send('launch', { program, kernel: join(root, 'samples', 'kernel') })]);
  await client.send('configurationDone');
  await stopped;
  await client.send('stackTrace', { threadId: 1 });
  return { client, seconds: (performance.now() - start) / 1000 };
}

/** One step as an editor does it: the command, the stop, then the stack, the scopes and a view. */
async function step(client: Client): Promise<number> {
  const start = performance.now();
  const stopped = client.event('stopped');
  await client.send('stepIn', { threadId: 1, granularity: 'instruction' });
  await stopped;
  await client.send('stackTrace', { threadId: 1, startFrame: 0, levels: 20 });
  return (performance.now() - start) / 1000;
}

export async function benchDebugAdapter(root: string): Promise<Row[]> {
  const built = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the debug adapter could not be bundled');
  const launches: number[] = [];
  const steps: number[] = [];
  for (let launch = 0; launch < LAUNCHES; launch++) {
    const { client, seconds } = await firstStop(root);
    launches.push(seconds);
    for (let count = 0; launch === LAUNCHES - 1 && count < STEPS; count++) steps.push(await step(client));
    client.close();
  }
  const [first, oneStep] = [median(launches), median(steps)];
  return [
    {
      what: 'F5 to the first stop, process start included',
      ours: milliseconds(first),
      peer: '',
      ratio: '',
      goal: `< ${milliseconds(FIRST_STOP_GOAL)}`,
      reached: first < FIRST_STOP_GOAL,
    },
    {
      what: 'step by instruction with its stack trace, median',
      ours: milliseconds(oneStep),
      peer: '',
      ratio: '',
      goal: `< ${milliseconds(STEP_GOAL)}`,
      reached: oneStep < STEP_GOAL,
    },
  ];
}
