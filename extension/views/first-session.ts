/**
 * VS Code puts the views of extensions into the debug side bar collapsed. The first time a guest stops they are opened,
 * once for all, so that nobody has to know of them; from then on they stay as the user leaves them.
 */
import * as vscode from 'vscode';
import type { Sessions } from '../sessions';

const KEY = 'ringside.viewsOpened';
/** The focus wanders through them, so that the last one is scrolled into sight. */
const VIEWS = ['ringside.lastInstruction', 'ringside.systemCallTable', 'ringside.ptRegs'];

export function openViewsAtFirstStop(memory: vscode.Memento, sessions: Sessions): vscode.Disposable {
  const subscription = sessions.onDidChange(() => {
    if (!sessions.active || !sessions.isStopped(sessions.active)) return;
    subscription.dispose();
    if (memory.get(KEY)) return;
    void memory.update(KEY, true);
    void openViews();
  });
  return subscription;
}

async function openViews(): Promise<void> {
  for (const view of VIEWS) await vscode.commands.executeCommand(`${view}.focus`);
  await vscode.commands.executeCommand('workbench.action.focusActiveEditorGroup');
}
