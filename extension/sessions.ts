/** Which sessions of ours there are, which one is active, and whether its guest is stopped. */
import * as vscode from 'vscode';
import { DEBUG_TYPE } from './requests';

/** Requests after which the guest runs until the next `stopped` event. */
const RESUMING = new Set(['continue', 'next', 'stepIn', 'stepOut', 'stepBack', 'reverseContinue', 'goto', 'restart']);
/** Requests by which the user changes the state at a stop; what is typed into the debug console may do so, too. */
const CHANGING = new Set(['setVariable', 'setExpression', 'writeMemory', 'ringside/writeMsr']);

/** The parts of DAP messages that are looked at here. */
interface Message {
  type: 'request' | 'response' | 'event';
  seq: number;
  command?: string;
  arguments?: { context?: string };
  request_seq?: number;
  event?: string;
  success?: boolean;
}

function isChange({ command = '', arguments: given }: Message): boolean {
  return CHANGING.has(command) || (command === 'evaluate' && given?.context === 'repl');
}

export class Sessions implements vscode.Disposable {
  private readonly stopped = new Map<string, boolean>();
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly ended = new vscode.EventEmitter<vscode.DebugSession>();
  private readonly disposables: vscode.Disposable[];

  /** Another session became active, or the active one stopped, went on, changed at a stop, or ended. */
  readonly onDidChange = this.changed.event;
  readonly onDidEnd = this.ended.event;

  constructor() {
    this.disposables = [
      this.changed,
      this.ended,
      vscode.debug.onDidChangeActiveDebugSession(() => this.changed.fire()),
      vscode.debug.onDidTerminateDebugSession((session) => this.end(session)),
      vscode.debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, {
        createDebugAdapterTracker: (session) => this.track(session),
      }),
    ];
  }

  /** The active session, if it is one of ours. */
  get active(): vscode.DebugSession | undefined {
    const session = vscode.debug.activeDebugSession;
    return session?.type === DEBUG_TYPE ? session : undefined;
  }

  isStopped(session: vscode.DebugSession): boolean {
    return this.stopped.get(session.id) ?? false;
  }

  dispose(): void {
    for (const disposable of this.disposables) disposable.dispose();
  }

  private track(session: vscode.DebugSession): vscode.DebugAdapterTracker {
    /** Sequence numbers of requests that change the state when they succeed. */
    const changes = new Set<number>();
    return {
      onWillReceiveMessage: (message: Message) => {
        if (message.type !== 'request') return;
        if (RESUMING.has(message.command ?? '')) this.set(session, false);
        if (isChange(message)) changes.add(message.seq);
      },
      onDidSendMessage: (message: Message) => {
        if (message.type === 'event') {
          if (message.event === 'stopped') this.set(session, true);
          else if (message.event === 'continued') this.set(session, false);
          else if (message.event === 'invalidated') this.changed.fire();
        } else if (message.type === 'response') {
          if (changes.delete(message.request_seq ?? -1) && message.success) this.changed.fire();
          // A step that was refused left the guest where it was.
          if (!message.success && RESUMING.has(message.command ?? '')) this.set(session, true);
        }
      },
      onExit: () => this.end(session),
    };
  }

  private set(session: vscode.DebugSession, stopped: boolean): void {
    this.stopped.set(session.id, stopped);
    this.changed.fire();
  }

  private end(session: vscode.DebugSession): void {
    if (session.type !== DEBUG_TYPE || !this.stopped.delete(session.id)) return;
    this.ended.fire(session);
    this.changed.fire();
  }
}
