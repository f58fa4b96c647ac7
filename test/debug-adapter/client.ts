/** A DAP client for tests: speaks with a session in this process over streams, and keeps the traffic. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { PassThrough } from 'node:stream';
import { join } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { loadTarget } from '../../debug-adapter';
import { RingsideSession } from '../../debug-adapter/session';
import type { CustomRequests, LaunchAttributes } from '../../debug-adapter/protocol';

export const SAMPLES = join(import.meta.dirname, '..', '..', 'samples');
export const KERNEL = join(SAMPLES, 'kernel');
export const HELLO = join(SAMPLES, 'hello-syscall', 'hello.S');

let builtKernelPath: string | undefined;

/** The sample kernel as an ELF image, built once for all tests: what they are about begins after that. */
export function builtKernel(): string {
  if (builtKernelPath !== undefined) return builtKernelPath;
  const folder = mkdtempSync(join(tmpdir(), 'ringside-kernel-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { target } = loadTarget({ program: HELLO, kernel: KERNEL });
  const path = join(folder, 'kernel');
  writeFileSync(path, target.images.find(({ role }) => role === 'kernel')?.bytes ?? new Uint8Array());
  return (builtKernelPath = path);
}

/** The line of `file` on which `text` stands, counted from 1; of several the first. */
export function lineOf(file: string, text: string): number {
  const index = readFileSync(file, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(text));
  if (index < 0) throw new Error(`${file} has no "${text}"`);
  return index + 1;
}

/** A request that was answered with success: false. */
export class RequestError extends Error {
  constructor(readonly response: DebugProtocol.Response) {
    super((response.body as { error?: { format: string } } | undefined)?.error?.format ?? response.message);
  }
}

interface Requests {
  evaluate: [DebugProtocol.EvaluateArguments, DebugProtocol.EvaluateResponse['body']];
  stackTrace: [DebugProtocol.StackTraceArguments, DebugProtocol.StackTraceResponse['body']];
  scopes: [DebugProtocol.ScopesArguments, DebugProtocol.ScopesResponse['body']];
  variables: [DebugProtocol.VariablesArguments, DebugProtocol.VariablesResponse['body']];
  setVariable: [DebugProtocol.SetVariableArguments, DebugProtocol.SetVariableResponse['body']];
  setExpression: [DebugProtocol.SetExpressionArguments, DebugProtocol.SetExpressionResponse['body']];
  setBreakpoints: [DebugProtocol.SetBreakpointsArguments, DebugProtocol.SetBreakpointsResponse['body']];
  setFunctionBreakpoints: [
    DebugProtocol.SetFunctionBreakpointsArguments,
    DebugProtocol.SetFunctionBreakpointsResponse['body'],
  ];
  setInstructionBreakpoints: [
    DebugProtocol.SetInstructionBreakpointsArguments,
    DebugProtocol.SetInstructionBreakpointsResponse['body'],
  ];
  setDataBreakpoints: [DebugProtocol.SetDataBreakpointsArguments, DebugProtocol.SetDataBreakpointsResponse['body']];
  setExceptionBreakpoints: [
    DebugProtocol.SetExceptionBreakpointsArguments,
    Required<DebugProtocol.SetExceptionBreakpointsResponse>['body'],
  ];
  dataBreakpointInfo: [DebugProtocol.DataBreakpointInfoArguments, DebugProtocol.DataBreakpointInfoResponse['body']];
  breakpointLocations: [DebugProtocol.BreakpointLocationsArguments, DebugProtocol.BreakpointLocationsResponse['body']];
  exceptionInfo: [DebugProtocol.ExceptionInfoArguments, DebugProtocol.ExceptionInfoResponse['body']];
  disassemble: [DebugProtocol.DisassembleArguments, Required<DebugProtocol.DisassembleResponse>['body']];
  readMemory: [DebugProtocol.ReadMemoryArguments, Required<DebugProtocol.ReadMemoryResponse>['body']];
  writeMemory: [DebugProtocol.WriteMemoryArguments, Required<DebugProtocol.WriteMemoryResponse>['body']];
  completions: [DebugProtocol.CompletionsArguments, DebugProtocol.CompletionsResponse['body']];
  loadedSources: [DebugProtocol.LoadedSourcesArguments, DebugProtocol.LoadedSourcesResponse['body']];
  modules: [DebugProtocol.ModulesArguments, DebugProtocol.ModulesResponse['body']];
  source: [DebugProtocol.SourceArguments, DebugProtocol.SourceResponse['body']];
  initialize: [DebugProtocol.InitializeRequestArguments, DebugProtocol.Capabilities];
  launch: [object, undefined];
  configurationDone: [undefined, undefined];
  restart: [object, undefined];
  terminate: [object, undefined];
  disconnect: [object, undefined];
  continue: [object, { allThreadsContinued: boolean }];
  next: [object, undefined];
  stepIn: [object, undefined];
  stepOut: [object, undefined];
  pause: [object, undefined];
  cancel: [DebugProtocol.CancelArguments, undefined];
  threads: [undefined, DebugProtocol.ThreadsResponse['body']];
}

type Custom = { [Name in keyof CustomRequests]: [CustomRequests[Name]['arguments'], CustomRequests[Name]['response']] };
type All = Requests & Custom;

export class DapClient {
  readonly traffic: DebugProtocol.ProtocolMessage[] = [];
  private readonly input = new PassThrough();
  private readonly output = new PassThrough();
  private readonly session = new RingsideSession();
  private readonly waiting = new Map<number, (response: DebugProtocol.Response) => void>();
  private readonly events: DebugProtocol.Event[] = [];
  private listeners: (() => void)[] = [];
  private sequence = 1;
  private buffer = Buffer.alloc(0);

  constructor() {
    this.session.setRunAsServer(true);
    this.session.start(this.input, this.output);
    this.output.on('data', (data: Buffer) => this.receive(data));
  }

  /** Sends a request and resolves to the body of its response. */
  send<Name extends keyof All>(command: Name, args: All[Name][0]): Promise<All[Name][1]> {
    const request: DebugProtocol.Request = { seq: this.sequence++, type: 'request', command, arguments: args };
    this.traffic.push(request);
    return new Promise((resolve, reject) => {
      // The listener is set before the request can be answered: the session may answer at once.
      this.waiting.set(request.seq, (response) => {
        if (response.success) resolve(response.body as All[Name][1]);
        else reject(new RequestError(response));
      });
      const text = JSON.stringify(request);
      this.input.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    });
  }

  /** The next event of that name, waiting for it if need be; each event is given out once. */
  async event<Body = DebugProtocol.Event['body']>(name: string): Promise<Body> {
    for (;;) {
      const index = this.events.findIndex(({ event }) => event === name);
      if (index >= 0) return this.events.splice(index, 1)[0].body as Body;
      await new Promise<void>((resolve) => this.listeners.push(resolve));
    }
  }

  stopped(): Promise<DebugProtocol.StoppedEvent['body']> {
    return this.event('stopped');
  }

  /** All text of output events of a category that has come and was not yet taken. */
  takeOutput(category: string): string {
    const taken = this.events.filter(
      ({ event, body }) => event === 'output' && (body as { category: string }).category === category,
    );
    for (const each of taken) this.events.splice(this.events.indexOf(each), 1);
    return taken.map(({ body }) => (body as { output: string }).output).join('');
  }

  /** initialize, launch, what `configure` sends, configurationDone. */
  async launch(
    attributes: Partial<LaunchAttributes> = {},
    configure: () => Promise<unknown> = () => Promise.resolve(),
  ): Promise<void> {
    await this.send('initialize', {
      adapterID: 'ringside',
      supportsMemoryEvent: true,
      supportsInvalidatedEvent: true,
    });
    await this.send('launch', { program: HELLO, kernel: builtKernel(), ...attributes });
    await this.event('initialized');
    await configure();
    await this.send('configurationDone', undefined);
  }

  /** Launches and waits for the stop at the program's first instruction. */
  async launchToEntry(attributes: Partial<LaunchAttributes> = {}): Promise<void> {
    await this.launch(attributes);
    await this.stopped();
  }

  /** Launches and runs to the instruction at `symbol`. */
  async launchTo(symbol: string, attributes: Partial<LaunchAttributes> = {}): Promise<void> {
    await this.launchToEntry(attributes);
    await this.runTo(symbol);
  }

  /** Runs to the instruction at a symbol or expression; other function breakpoints are lost. */
  async runTo(symbol: string): Promise<void> {
    await this.send('setFunctionBreakpoints', { breakpoints: [{ name: symbol }] });
    await this.run('continue');
    await this.send('setFunctionBreakpoints', { breakpoints: [] });
  }

  /** Sends a command that runs the guest and waits for the stop. */
  async run(
    command: 'continue' | 'next' | 'stepIn' | 'stepOut',
    args: object = {},
  ): Promise<DebugProtocol.StoppedEvent['body']> {
    const stopped = this.stopped();
    await this.send(command, { threadId: 1, ...args });
    return stopped;
  }

  async stepInstruction(): Promise<void> {
    await this.run('stepIn', { granularity: 'instruction' });
  }

  async frames(): Promise<DebugProtocol.StackFrame[]> {
    return (await this.send('stackTrace', { threadId: 1 })).stackFrames;
  }

  /** `name:line` of the top frame's source, or its name without one. */
  async where(): Promise<string> {
    const [top] = await this.frames();
    return `${top.name} ${top.source?.name ?? '?'}:${top.line}`;
  }

  async evaluate(expression: string, frameId?: number): Promise<string> {
    return (await this.send('evaluate', { expression, ...(frameId === undefined ? {} : { frameId }) })).result;
  }

  /** The variables of a scope, by name. */
  async scope(name: string, frameId = 1): Promise<Map<string, DebugProtocol.Variable>> {
    const { scopes } = await this.send('scopes', { frameId });
    const found = scopes.find((scope) => scope.name === name);
    if (!found) throw new Error(`no scope ${name}`);
    const { variables } = await this.send('variables', { variablesReference: found.variablesReference });
    return new Map(variables.map((variable) => [variable.name, variable]));
  }

  async close(): Promise<void> {
    await this.send('disconnect', {});
  }

  private receive(data: Buffer): void {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (;;) {
      const header = /^Content-Length: (\d+)\r\n\r\n/.exec(this.buffer.subarray(0, 40).toString('latin1'));
      if (!header || this.buffer.length < header[0].length + Number(header[1])) return;
      const end = header[0].length + Number(header[1]);
      const message = JSON.parse(
        this.buffer.subarray(header[0].length, end).toString(),
      ) as DebugProtocol.ProtocolMessage;
      this.buffer = this.buffer.subarray(end);
      this.traffic.push(message);
      if (message.type === 'response') {
        const response = message as DebugProtocol.Response;
        this.waiting.get(response.request_seq)?.(response);
      } else {
        this.events.push(message as DebugProtocol.Event);
        for (const listener of this.listeners.splice(0)) listener();
      }
    }
  }
}
