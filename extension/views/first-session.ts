/**
 * VS Code puts the views of extensions into the debug side bar collapsed. The first time a guest stops they are opened,
 * once for all, so that nobody has to know of them; from then on they stay as the user leaves them.
 */
import * as vscode from 'vscode';
import type { Sessions } from '../sessions';

const KEY = 'ringside.viewsOpened';
const VIEWS = ['ringside.lastInstruction', 'ringside.ptRegs', 'ringside.systemCallTable'];

export function openViewsAtFirstStop(memory: vscode.Memento, sessions: Sessions): vscode.Disposable {
  const subscription = sessions.onDidChange(() => {
    if (!sessions.active || !sessions.isStopped(sessions.active)) return;
    subscription.dispose();
    if (memory.get(KEY)) return;
    void memory.update(KEY, true);
    for (const view of VIEWS) void vscode.commands.executeCommand(`${view}.focus`, { preserveFocus: true });
  });
  return subscription;
}
