/** Driving the editor through its API: open, debug, wait. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import * as vscode from 'vscode';

export const EXTENSION_ID = 'ringside.ringside';
/** The workspace: a copy of samples/. */
export const samples = vscode.workspace.workspaceFolders?.[0].uri.fsPath ?? '';
export const hello = join(samples, 'hello-syscall', 'hello.S');

const POLL_MS = 25;
const SHOWN_WITHIN_MS = 3000;

/** Waits until `probe` gives something; fails with `what` after `timeout` milliseconds. */
export async function until<Result>(
  what: string,
  probe: () => Result | undefined | false | Promise<Result | undefined | false>,
  timeout = 20_000,
): Promise<Result> {
  const end = Date.now() + timeout;
  for (;;) {
    const result = await probe();
    if (result !== undefined && result !== false) return result;
    if (Date.now() > end) assert.fail(`timed out waiting for: ${what}`);
    await new Promise((later) => setTimeout(later, POLL_MS));
  }
}

export async function openFile(path: string): Promise<vscode.TextEditor> {
  return vscode.window.showTextDocument(vscode.Uri.file(path), { preview: false });
}

/** What adapters send: a test waits for the next stop and not for an old one. */
export class Stops implements vscode.Disposable {
  private readonly events: DebugProtocol.StoppedEvent['body'][] = [];
  private taken = 0;
  private readonly answers: DebugProtocol.Response[] = [];
  /** The editor has shown the last stop: its commands now concern it. */
  private shown = false;
  private readonly focus = vscode.debug.onDidChangeActiveStackItem((item) => {
    if (item instanceof vscode.DebugStackFrame) this.shown = true;
  });
  private readonly registration = vscode.debug.registerDebugAdapterTrackerFactory('ringside', {
    createDebugAdapterTracker: () => ({
      onDidSendMessage: (message: DebugProtocol.Event | DebugProtocol.Response) => {
        if ('command' in message) this.answers.push(message);
        else if (message.event === 'stopped') {
          this.shown = false;
          this.events.push((message as DebugProtocol.StoppedEvent).body);
        }
      },
    }),
  });

  async next(): Promise<DebugProtocol.StoppedEvent['body']> {
    await until('a stop', () => this.events.length > this.taken);
    // A session in the background does not take the focus when it stops.
    await until('the stop to be shown', () => this.shown, SHOWN_WITHIN_MS).catch(() => {});
    return this.events[this.taken++];
  }

  /** Does something that makes the editor send a request, and waits for its answer. */
  async answered(command: string, action: () => void): Promise<void> {
    const count = (): number => this.answers.filter((each) => each.command === command).length;
    const before = count();
    action();
    await until(`the answer to ${command}`, () => count() > before);
  }

  /** The message of a request that the adapter refuses. */
  async refusal(command: string): Promise<string> {
    const answer = await until(`${command} to be refused`, () =>
      this.answers.find((each) => each.command === command && !each.success),
    );
    const { error } = (answer as DebugProtocol.ErrorResponse).body;
    return error?.format ?? answer.message ?? '';
  }

  dispose(): void {
    this.focus.dispose();
    this.registration.dispose();
  }
}

export function activeSession(): vscode.DebugSession {
  const session = vscode.debug.activeDebugSession;
  assert.ok(session, 'no active debug session');
  return session;
}

export async function topFrame(session = activeSession()): Promise<DebugProtocol.StackFrame> {
  const { stackFrames } = (await session.customRequest('stackTrace', {
    threadId: 1,
    levels: 1,
  })) as DebugProtocol.StackTraceResponse['body'];
  return stackFrames[0];
}

/** Path of a frame's source; a browser-hosted editor answers with a URI. */
export function sourcePath({ source }: DebugProtocol.StackFrame): string | undefined {
  const path = source?.path;
  return path?.startsWith('vscode-remote:') ? vscode.Uri.parse(path).path : path;
}

export async function stopDebugging(): Promise<void> {
  try {
    await vscode.debug.stopDebugging();
  } catch {
    // A session that ends by itself meanwhile cancels the request.
  }
  await until('the end of all sessions', () => vscode.debug.activeDebugSession === undefined);
  vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
}
