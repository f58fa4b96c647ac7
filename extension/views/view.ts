/**
 * The host of one view in the debug side bar: gives the page its state at each stop of the active session, and carries out
 * what the page asks for.
 */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { goTo } from '../navigation';
import { messageOf, request } from '../requests';
import type { Sessions } from '../sessions';
import { littleEndianBase64 } from '../webview/values';
import type { FromPage, ToPage, ViewData, ViewState } from '../webview/messages';

/** A step is shorter than this: the old values stay on screen meanwhile, and nothing flickers. */
const RUNNING_AFTER_MS = 250;

export class View<Page extends keyof ViewData> implements vscode.WebviewViewProvider, vscode.Disposable {
  private view: vscode.WebviewView | undefined;
  private readonly disposables: vscode.Disposable[];
  private runningTimer: NodeJS.Timeout | undefined;
  /** Counts updates, so that an answer that comes late does not replace a newer one. */
  private update = 0;

  /**
   * @param page name of the page's script in dist/webview
   * @param load what the page shows of a stopped session
   */
  constructor(
    id: string,
    private readonly page: Page,
    private readonly extensionUri: vscode.Uri,
    private readonly sessions: Sessions,
    private readonly load: (session: vscode.DebugSession) => Promise<ViewData[Page]>,
  ) {
    this.disposables = [
      vscode.window.registerWebviewViewProvider(id, this),
      sessions.onDidChange(() => void this.refresh()),
    ];
  }

  dispose(): void {
    clearTimeout(this.runningTimer);
    for (const disposable of this.disposables) disposable.dispose();
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.view = view;
    const folder = vscode.Uri.joinPath(this.extensionUri, 'dist', 'webview');
    view.webview.options = { enableScripts: true, localResourceRoots: [folder] };
    view.webview.onDidReceiveMessage((message: FromPage) => void this.receive(message));
    view.onDidChangeVisibility(() => void this.refresh());
    view.onDidDispose(() => (this.view = undefined));
    view.webview.html = this.html(view.webview, folder);
  }

  /** Asks the adapter anew, if anyone sees it. */
  async refresh(): Promise<void> {
    if (!this.view?.visible) return;
    clearTimeout(this.runningTimer);
    const update = ++this.update;
    const session = this.sessions.active;
    if (!session) return this.post({ kind: 'no-session' });
    if (!this.sessions.isStopped(session)) {
      this.runningTimer = setTimeout(() => this.post({ kind: 'running' }), RUNNING_AFTER_MS);
      return;
    }
    let state: ViewState<ViewData[Page]>;
    try {
      state = { kind: 'stopped', data: await this.load(session) };
    } catch (error) {
      state = { kind: 'failed', message: messageOf(error) };
    }
    if (update === this.update) this.post(state);
  }

  private post(state: ViewState<ViewData[Page]>): void {
    this.send({ type: 'state', state });
  }

  private send(message: ToPage<ViewData[Page]>): void {
    void this.view?.webview.postMessage(message);
  }

  private async receive(message: FromPage): Promise<void> {
    const session = this.sessions.active;
    switch (message.type) {
      case 'ready':
        return this.refresh();
      case 'start-debugging':
        await vscode.commands.executeCommand('workbench.action.debug.start');
        return;
      case 'pause':
        await vscode.commands.executeCommand('workbench.action.debug.pause');
        return;
      case 'go-to':
        return goTo(message.location);
      case 'toggle-function-breakpoint':
        return toggleFunctionBreakpoint(message.name);
      case 'write-msr':
        return this.write(message.key, async () => {
          if (session) await request(session, 'ringside/writeMsr', { number: message.number, value: message.value });
        });
      case 'write-memory':
        return this.write(message.key, async () => {
          const data = littleEndianBase64(message.value);
          await session?.customRequest('writeMemory', { memoryReference: message.address, data });
        });
    }
  }

  private async write(key: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.send({ type: 'write-refused', key, message: messageOf(error) });
    }
  }

  private html(webview: vscode.Webview, folder: vscode.Uri): string {
    const nonce = randomBytes(16).toString('base64');
    const script = webview.asWebviewUri(vscode.Uri.joinPath(folder, `${this.page}.js`)).toString();
    const style = webview.asWebviewUri(vscode.Uri.joinPath(folder, 'view.css')).toString();
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'">
<link rel="stylesheet" href="${style}">
</head>
<body data-view="${this.page}">
<script nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
  }
}

/** Adds a function breakpoint, or removes it if there is one of that name. */
export function toggleFunctionBreakpoint(name: string): void {
  const existing = vscode.debug.breakpoints.filter(
    (breakpoint) => breakpoint instanceof vscode.FunctionBreakpoint && breakpoint.functionName === name,
  );
  if (existing.length > 0) vscode.debug.removeBreakpoints(existing);
  else vscode.debug.addBreakpoints([new vscode.FunctionBreakpoint(name)]);
}
