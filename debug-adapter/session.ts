/** The DAP session: one line for each request, and the events. What a request does is in the module it names. */
import { DebugSession, Event, InitializedEvent, OutputEvent, TerminatedEvent } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { CAPABILITIES } from './capabilities';
import { ClientView } from './client-view';
import { cpuResponse } from './cpu';
import { Debuggee } from './debuggee';
import { disassembleRequest } from './disassemble-request';
import { dataBreakpointInfo } from './breakpoints/data-breakpoints';
import { AdapterError, NotStoppedError } from './errors';
import { completeExpression, evaluateExpression, setExpression } from './evaluate';
import { checkLaunchAttributes } from './launch-attributes';
import { launch } from './launch';
import { BootProgress } from './linux/boot-progress';
import type { SessionEnd } from './linux/ends';
import { saveBoot } from './linux/snapshots';
import { hex, readMemory, writeMemory } from './memory';
import { msrsResponse, writeMsrValue } from './msrs';
import type { CustomEvents, CustomRequests, LaunchAttributes, SerialData } from './protocol';
import { ptRegsResponse } from './pt-regs';
import { SerialOutput } from './serial';
import { stackTraceBody } from './stack-trace';
import { THREAD_ID } from './stops';
import { syscallTableResponse } from './system-calls';
import type { Target } from './target';

type Body = object | undefined;
// Requests arrive as JSON: what a handler gets is what the protocol promises for its command.
type Handler = (args: never) => Body | Promise<Body>;

export class RingsideSession extends DebugSession {
  private client = new ClientView({});
  private attributes: LaunchAttributes | undefined;
  private debuggee: Debuggee | undefined;
  private configured = false;
  /** DAP `noDebug`: run the program, stop nowhere. */
  private noDebug = false;
  private progress: BootProgress | undefined;
  private nextProgress = 1;
  private nextBreakpointId = 1;
  /** While a set request is replayed: the ids the client knows its breakpoints by. */
  private knownBreakpointIds: number[] = [];
  /** Set requests since the launch, replayed on the machine of a restart; by what they replace. */
  private readonly breakpointRequests = new Map<string, () => DebugProtocol.Breakpoint[]>();
  private readonly decoder = new TextDecoder();
  private readonly serial = new SerialOutput((data) => this.sendSerialOutput(data));

  private readonly handlers: Readonly<Record<string, Handler>> = {
    initialize: (args: DebugProtocol.InitializeRequestArguments) => this.initialize(args),
    launch: (args: object) => this.launch(args),
    configurationDone: () => this.configurationDone(),
    restart: (args: DebugProtocol.RestartArguments) => this.restart(args),
    terminate: () => this.end(),
    cancel: (args: DebugProtocol.CancelArguments) => this.cancel(args),
    disconnect: () => this.leave(),
    threads: () => ({ threads: [{ id: THREAD_ID, name: 'CPU 0' }] }),
    continue: () => this.run((debuggee) => debuggee.continue(), { allThreadsContinued: true }),
    next: ({ granularity }: DebugProtocol.NextArguments) => this.run((debuggee) => debuggee.next(granularity)),
    stepIn: ({ granularity }: DebugProtocol.StepInArguments) => this.run((debuggee) => debuggee.stepIn(granularity)),
    stepOut: () => this.run((debuggee) => debuggee.stepOut()),
    pause: () => this.run((debuggee) => debuggee.pause()),
    stackTrace: (args: DebugProtocol.StackTraceArguments) => stackTraceBody(this.stopped, args, this.client),
    scopes: ({ frameId }: DebugProtocol.ScopesArguments) => ({
      scopes: this.stopped.variables.scopes(this.stopped.row(frameId).frame),
    }),
    variables: ({ variablesReference }: DebugProtocol.VariablesArguments) => ({
      variables: this.stopped.variables.children(variablesReference),
    }),
    setVariable: (args: DebugProtocol.SetVariableArguments) =>
      this.changing(() => this.stopped.variables.set(args.variablesReference, args.name, args.value)),
    setExpression: (args: DebugProtocol.SetExpressionArguments) =>
      this.changing(() => setExpression(this.stopped, args)),
    evaluate: (args: DebugProtocol.EvaluateArguments) => this.evaluate(args),
    completions: (args: DebugProtocol.CompletionsArguments) => this.complete(args),
    setBreakpoints: (args: DebugProtocol.SetBreakpointsArguments) => this.setSourceBreakpoints(args),
    setFunctionBreakpoints: (args: DebugProtocol.SetFunctionBreakpointsArguments) =>
      this.setBreakpoints('functions', (debuggee) => debuggee.breakpoints.setFunctions(args.breakpoints)),
    setInstructionBreakpoints: (args: DebugProtocol.SetInstructionBreakpointsArguments) =>
      this.setBreakpoints('instructions', (debuggee) => debuggee.breakpoints.setInstructions(args.breakpoints)),
    setDataBreakpoints: (args: DebugProtocol.SetDataBreakpointsArguments) =>
      this.setBreakpoints('data', (debuggee) => debuggee.dataBreakpoints.setAll(args.breakpoints)),
    setExceptionBreakpoints: (args: DebugProtocol.SetExceptionBreakpointsArguments) =>
      this.setBreakpoints('exceptions', (debuggee) => debuggee.exceptions.set(args)),
    breakpointLocations: (args: DebugProtocol.BreakpointLocationsArguments) => this.breakpointLocations(args),
    dataBreakpointInfo: (args: DebugProtocol.DataBreakpointInfoArguments) => this.dataBreakpointInfo(args),
    exceptionInfo: () => this.exceptionInfo(),
    disassemble: (args: DebugProtocol.DisassembleArguments) => disassembleRequest(this.stopped, args, this.client),
    readMemory: (args: DebugProtocol.ReadMemoryArguments) => readMemory(this.stopped.target, args),
    writeMemory: (args: DebugProtocol.WriteMemoryArguments) => this.writeMemory(args),
    loadedSources: () => ({ sources: this.ready.sources.loaded() }),
    source: (args: DebugProtocol.SourceArguments) => this.ready.sources.text(args),
    modules: () => ({ modules: this.ready.sources.modules(), totalModules: this.ready.target.images.length }),
    'ringside/msrs': () => msrsResponse(this.stopped.target, this.stopped.previous?.msrs),
    'ringside/writeMsr': ({ number, value }: CustomRequests['ringside/writeMsr']['arguments']) =>
      this.changing(() => writeMsrValue(this.stopped.target, number, value)),
    'ringside/ptRegs': () => ptRegsResponse(this.stopped.target, this.stopped.previous?.ptRegs),
    'ringside/syscallTable': () => syscallTableResponse(this.stopped.target),
    'ringside/cpu': () => cpuResponse(this.stopped.target, this.stopped.lastInstruction),
    'ringside/listing': (args: CustomRequests['ringside/listing']['arguments']) => this.ready.listings.response(args),
    'ringside/serialInput': ({ data }: SerialData) =>
      this.run((debuggee) => debuggee.sendSerial(Buffer.from(data, 'base64'))),
  };

  protected override dispatchRequest(request: DebugProtocol.Request): void {
    this.answer(request);
  }

  private answer(request: DebugProtocol.Request): void {
    const response: DebugProtocol.Response = {
      type: 'response',
      seq: 0,
      request_seq: request.seq,
      command: request.command,
      success: true,
    };
    try {
      const handler = Object.hasOwn(this.handlers, request.command) ? this.handlers[request.command] : undefined;
      if (!handler) throw new AdapterError(`This adapter does not know the request "${request.command}".`, false);
      const body = handler((request.arguments ?? {}) as never);
      if (body instanceof Promise) {
        void body
          .then(
            (later: Body) => this.succeeded(response, later),
            (error: unknown) => this.failed(response, error),
          )
          .then(() => this.respond(request, response));
        return;
      }
      this.succeeded(response, body);
    } catch (error) {
      this.failed(response, error);
    }
    this.respond(request, response);
  }

  private succeeded(response: DebugProtocol.Response, body: Body): void {
    if (body) response.body = body;
  }

  private respond(request: DebugProtocol.Request, response: DebugProtocol.Response): void {
    this.sendResponse(response);
    if (request.command === 'launch' && response.success) this.sendEvent(new InitializedEvent());
    if (request.command === 'disconnect') this.shutdown();
  }

  /** Anything but an AdapterError is a mistake in the adapter itself; the user sees its message, not its stack. */
  private failed(response: DebugProtocol.Response, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const known = error instanceof AdapterError;
    response.success = false;
    response.message = error instanceof NotStoppedError ? 'notStopped' : message;
    const format = (known ? message : `Internal error of the debug adapter in "${response.command}": ${message}`)
      .replaceAll('{', '(')
      .replaceAll('}', ')');
    response.body = { error: { id: known ? 1 : 2, format, showUser: known ? error.showUser : true } };
  }

  /** The guest, which must stand still. */
  private get stopped(): Debuggee {
    const { ready } = this;
    ready.requireStopped();
    return ready;
  }

  /** The guest, running or not. */
  private get ready(): Debuggee {
    if (!this.debuggee) throw new AdapterError('Nothing is being debugged: launch a program first.', false);
    return this.debuggee;
  }

  private initialize(args: DebugProtocol.InitializeRequestArguments): DebugProtocol.Capabilities {
    this.client = new ClientView(args);
    return CAPABILITIES;
  }

  private async launch(args: object): Promise<undefined> {
    this.attributes = checkLaunchAttributes(args);
    this.noDebug = (args as DebugProtocol.LaunchRequestArguments).noDebug ?? false;
    await this.boot(this.attributes, false);
    return undefined;
  }

  private async boot(attributes: LaunchAttributes, fresh: boolean): Promise<void> {
    this.progress?.end();
    const { target, warnings, readSource } = await launch(attributes, this.serial.write, fresh);
    for (const warning of warnings) this.sendEvent(new OutputEvent(`${warning}\n`, 'console'));
    this.debuggee?.dispose();
    this.debuggee = new Debuggee(
      target,
      { intoInterrupts: attributes.stepIntoInterrupts ?? false },
      {
        stopped: (body) => this.stoppedNow(body),
        exited: (end) => this.exited(end),
        idle: () => this.idle(),
        booted: () => void this.save(target),
        listingChanged: (path) => this.listingChanged(path),
        log: (text, location) => this.log(text, location),
      },
      () => this.knownBreakpointIds.shift() ?? this.nextBreakpointId++,
      readSource,
    );
  }

  private configurationDone(): undefined {
    this.configured = true;
    this.beginProgress(this.ready.target);
    this.ready.start(!this.noDebug && (this.attributes?.stopOnEntry ?? this.attributes?.program !== undefined));
    return undefined;
  }

  private async restart(args: DebugProtocol.RestartArguments): Promise<undefined> {
    const attributes = args.arguments ? checkLaunchAttributes(args.arguments) : this.attributes;
    if (!attributes) throw new AdapterError('Nothing was launched yet that could be restarted.');
    this.attributes = attributes;
    await this.boot(attributes, true);
    for (const replay of this.breakpointRequests.values()) {
      for (const breakpoint of replay()) {
        const body: DebugProtocol.BreakpointEvent['body'] = { reason: 'changed', breakpoint };
        if (breakpoint.id !== undefined) this.sendEvent(new Event('breakpoint', body));
      }
    }
    if (this.configured) this.configurationDone();
    return undefined;
  }

  /** Not before the client has configured the session: VS Code, for one, does not listen earlier. */
  private beginProgress(target: Target): void {
    if (!this.client.progress || !target.linux) return;
    this.progress = new BootProgress(`boot-${this.nextProgress++}`, target, (event) => this.sendEvent(event));
  }

  /** Where a snapshot of the booted guest is wanted: the guest goes on while it is written. */
  private async save({ machine, linux }: Target): Promise<void> {
    if (!linux?.save) return;
    try {
      this.log(await saveBoot(machine, linux.save, linux.messages.currentBytes));
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      this.log(error.message);
    }
  }

  /** DAP `cancel`: of what can be cancelled there is only the boot, without which the session has no purpose. */
  private cancel({ progressId }: DebugProtocol.CancelArguments): undefined {
    if (this.progress?.id === progressId && this.progress?.isOver === false) return this.end();
    return undefined;
  }

  /** Nothing will come for a while: what the guest has written, such as the echo of a key, is due now. */
  private idle(): void {
    this.serial.flush();
    this.progress?.idle();
  }

  private listingChanged(path: string): void {
    const body: CustomEvents['ringside/listingChanged'] = { path };
    this.sendEvent(new Event('ringside/listingChanged', body));
  }

  private end(): undefined {
    this.progress?.end();
    this.debuggee?.dispose();
    this.sendEvent(new TerminatedEvent());
    return undefined;
  }

  private leave(): undefined {
    this.progress?.end();
    this.debuggee?.dispose();
    return undefined;
  }

  private run(action: (debuggee: Debuggee) => void, body?: object): Body {
    action(this.ready);
    return body;
  }

  /** A request that changes the guest: what clients hold of it is out of date then. */
  private changing<Result extends object>(action: () => Result): Result {
    const result = action();
    this.guestChanged();
    return result;
  }

  private guestChanged(): void {
    this.debuggee?.stateChanged();
    const body: DebugProtocol.InvalidatedEvent['body'] = { areas: ['variables', 'stacks'], threadId: THREAD_ID };
    if (this.client.invalidatedEvents) this.sendEvent(new Event('invalidated', body));
  }

  private evaluate(args: DebugProtocol.EvaluateArguments): Body {
    const { body, changed } = evaluateExpression(this.stopped, args);
    if (changed) this.guestChanged();
    return body;
  }

  private complete({ text, column, line }: DebugProtocol.CompletionsArguments): Body {
    const lines = text.split('\n');
    const current = lines[line === undefined ? 0 : this.client.fromClientLine(line) - 1] ?? text;
    const found = completeExpression(this.stopped, current, this.client.fromClientColumn(column) - 1);
    return {
      targets: found.map(({ label, text: inserted, kind, start, length }) => ({
        label,
        text: inserted,
        type: kind,
        start: this.client.toClientColumn(start + 1),
        length,
      })),
    };
  }

  private setSourceBreakpoints({ source, breakpoints = [] }: DebugProtocol.SetBreakpointsArguments): Body {
    const path = source.path ?? '';
    const requests = breakpoints.map((each) => ({ ...each, line: this.client.fromClientLine(each.line) }));
    return this.setBreakpoints(`source ${path}`, (debuggee) =>
      debuggee.breakpoints
        .setSource(path, requests)
        .map((each) => (each.line === undefined ? each : { ...each, line: this.client.toClientLine(each.line) })),
    );
  }

  private setBreakpoints(what: string, set: (debuggee: Debuggee) => DebugProtocol.Breakpoint[]): Body {
    if (this.noDebug) return { breakpoints: [] };
    const breakpoints = set(this.ready);
    const ids = breakpoints.flatMap(({ id }) => id ?? []);
    this.breakpointRequests.set(what, () => {
      this.knownBreakpointIds = [...ids];
      const replayed = set(this.ready);
      this.knownBreakpointIds = [];
      return replayed;
    });
    return { breakpoints };
  }

  private breakpointLocations({ source, line, endLine }: DebugProtocol.BreakpointLocationsArguments): Body {
    const first = this.client.fromClientLine(line);
    const last = endLine === undefined ? first : this.client.fromClientLine(endLine);
    const lines = this.ready.breakpoints.locations(source.path ?? '', first, last);
    return { breakpoints: lines.map((each) => ({ line: this.client.toClientLine(each) })) };
  }

  private dataBreakpointInfo({
    variablesReference,
    name,
    bytes,
    asAddress,
  }: DebugProtocol.DataBreakpointInfoArguments): Body {
    const { stopped } = this;
    if (variablesReference)
      return dataBreakpointInfo(stopped.target, stopped.variables.place(variablesReference, name), name);
    const expression = asAddress && /^[0-9a-f]+$/i.test(name) ? `0x${name}` : name;
    return dataBreakpointInfo(stopped.target, stopped.dataBreakpoints.placeOf(expression, bytes), name);
  }

  private exceptionInfo(): Body {
    const { exception } = this.stopped;
    if (!exception) throw new AdapterError('The guest did not stop at an exception.', false);
    const { exceptionId, description, details } = exception;
    return {
      exceptionId,
      description: details,
      breakMode: 'always',
      details: { message: description, typeName: exceptionId },
    };
  }

  private writeMemory(args: DebugProtocol.WriteMemoryArguments): Body {
    const { va, bytesWritten } = writeMemory(this.stopped.target, args);
    this.guestChanged();
    const body: DebugProtocol.MemoryEvent['body'] = { memoryReference: hex(va), offset: 0, count: bytesWritten };
    if (this.client.memoryEvents) this.sendEvent(new Event('memory', body));
    return { bytesWritten };
  }

  private stoppedNow(body: DebugProtocol.StoppedEvent['body']): void {
    this.progress?.end();
    this.serial.flush();
    this.sendEvent(new Event('stopped', body));
  }

  private exited({ status, text }: SessionEnd): void {
    this.progress?.end();
    this.serial.flush();
    this.sendEvent(new OutputEvent(`${text}\n`, 'console'));
    if (status !== undefined) this.sendEvent(new Event('exited', { exitCode: status }));
    this.sendEvent(new TerminatedEvent());
  }

  private log(text: string, location?: { path: string; line: number }): void {
    const event: DebugProtocol.OutputEvent = new OutputEvent(`${text}\n`, 'console');
    if (location) {
      event.body.source = { path: location.path };
      event.body.line = this.client.toClientLine(location.line);
    }
    this.sendEvent(event);
  }

  private sendSerialOutput(data: Uint8Array): void {
    if (this.attributes?.serial === 'terminal') {
      const body: CustomEvents['ringside/serialOutput'] = { data: Buffer.from(data).toString('base64') };
      this.sendEvent(new Event('ringside/serialOutput', body));
    } else {
      this.sendEvent(new OutputEvent(this.decoder.decode(data, { stream: true }), 'stdout'));
    }
  }
}
