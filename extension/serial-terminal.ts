/** The guest's serial port as a terminal: what the guest sends appears, what is typed is sent. */
import * as vscode from 'vscode';
import type { SerialData } from '../debug-adapter/protocol';
import { DEBUG_TYPE, request } from './requests';
import type { Sessions } from './sessions';

export class SerialTerminals implements vscode.Disposable {
  private readonly terminals = new Map<string, SerialTerminal>();
  private readonly disposables: vscode.Disposable[];

  constructor(private readonly sessions: Sessions) {
    this.disposables = [
      vscode.debug.onDidReceiveDebugSessionCustomEvent(({ session, event, body }) => {
        if (event === 'ringside/serialOutput') this.of(session).output((body as SerialData).data);
      }),
      vscode.debug.onDidStartDebugSession((session) => {
        // A new run of the same configuration takes the place of the old run's terminal.
        if (session.type === DEBUG_TYPE) this.closeEnded(session.name);
      }),
      sessions.onDidEnd((session) => this.terminals.get(session.id)?.end()),
      vscode.commands.registerCommand('ringside.showSerialTerminal', () => {
        if (this.sessions.active) this.of(this.sessions.active).terminal.show();
      }),
    ];
  }

  dispose(): void {
    for (const disposable of this.disposables) disposable.dispose();
    for (const { terminal } of this.terminals.values()) terminal.dispose();
  }

  private of(session: vscode.DebugSession): SerialTerminal {
    let terminal = this.terminals.get(session.id);
    if (!terminal) {
      terminal = new SerialTerminal(session, () => this.terminals.delete(session.id));
      this.terminals.set(session.id, terminal);
      // Where nothing but a kernel is debugged, the terminal is what the user is waiting for.
      terminal.terminal.show(session.configuration.program !== undefined);
    }
    return terminal;
  }

  private closeEnded(name: string): void {
    for (const terminal of this.terminals.values()) {
      if (terminal.ended && terminal.session.name === name) terminal.terminal.dispose();
    }
  }
}

class SerialTerminal implements vscode.Pseudoterminal {
  private readonly written = new vscode.EventEmitter<string>();
  private readonly closed = new vscode.EventEmitter<void>();
  /** Keeps a character whose bytes arrive in two events. */
  private readonly decoder = new TextDecoder();
  /** Output before the terminal was shown for the first time. */
  private pending: string[] | undefined = [];
  private lastWasReturn = false;

  readonly onDidWrite = this.written.event;
  readonly onDidClose = this.closed.event;
  readonly terminal: vscode.Terminal;
  ended = false;

  constructor(
    readonly session: vscode.DebugSession,
    private readonly onClose: () => void,
  ) {
    this.terminal = vscode.window.createTerminal({
      name: `Serial: ${session.name}`,
      iconPath: new vscode.ThemeIcon('circuit-board'),
      pty: this,
    });
  }

  output(base64: string): void {
    this.write(this.decoder.decode(Buffer.from(base64, 'base64'), { stream: true }));
  }

  end(): void {
    this.ended = true;
    this.write('\r\n\x1b[2m[The guest has ended. Press any key to close.]\x1b[0m\r\n');
  }

  open(): void {
    const waiting = this.pending ?? [];
    this.pending = undefined;
    for (const text of waiting) this.written.fire(text);
  }

  close(): void {
    this.onClose();
  }

  handleInput(text: string): void {
    if (this.ended) {
      this.closed.fire();
      return;
    }
    const data = Buffer.from(text, 'utf8').toString('base64');
    request(this.session, 'ringside/serialInput', { data }).catch(() => {
      // The session is ending: there is nobody to type to.
    });
  }

  /** A guest may end lines by LF alone; a terminal then needs the CR. */
  private write(text: string): void {
    let lines = '';
    for (const character of text) {
      if (character === '\n' && !this.lastWasReturn) lines += '\r';
      lines += character;
      this.lastWasReturn = character === '\r';
    }
    if (this.pending) this.pending.push(lines);
    else this.written.fire(lines);
  }
}
