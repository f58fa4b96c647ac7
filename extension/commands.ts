/** Commands that are not part of a view, a listing or the terminal. */
import * as vscode from 'vscode';
import { configurationFor } from './launch-configurations';
import { messageOf, request } from './requests';
import type { Sessions } from './sessions';
import { toggleFunctionBreakpoint } from './views/view';

export function registerCommands(sessions: Sessions): vscode.Disposable[] {
  return [
    vscode.commands.registerCommand('ringside.debugFile', debugFile),
    vscode.commands.registerCommand('ringside.stepIntoInstruction', () => stepInstruction(sessions, 'stepIn')),
    vscode.commands.registerCommand('ringside.stepOverInstruction', () => stepInstruction(sessions, 'next')),
    vscode.commands.registerCommand('ringside.breakOnSystemCall', () => breakOnSystemCall(sessions)),
  ];
}

async function debugFile(uri?: vscode.Uri): Promise<void> {
  const file = uri ?? vscode.window.activeTextEditor?.document.uri;
  if (!file) return;
  await vscode.debug.startDebugging(vscode.workspace.getWorkspaceFolder(file), configurationFor(file.fsPath));
}

/** VS Code itself steps by instruction only while its disassembly has the focus; a macro needs it in the source, too. */
async function stepInstruction(sessions: Sessions, command: 'stepIn' | 'next'): Promise<void> {
  const session = sessions.active;
  if (!session || !sessions.isStopped(session)) return;
  const item = vscode.debug.activeStackItem;
  const threadId = item?.session.id === session.id ? item.threadId : 1;
  try {
    await session.customRequest(command, { threadId, granularity: 'instruction' });
  } catch (error) {
    void vscode.window.showErrorMessage(messageOf(error));
  }
}

async function breakOnSystemCall(sessions: Sessions): Promise<void> {
  if (!sessions.active) return;
  try {
    const { rows, note } = await request(sessions.active, 'ringside/syscallTable');
    if (rows.length === 0) throw new Error(note ?? 'This kernel has no system-call table that Ringside knows.');
    const chosen = await vscode.window.showQuickPick(
      rows.map(({ name, number, handler }) => ({ label: name, description: `${number}  ${handler}`, handler })),
      { placeHolder: 'System call whose handler to stop at', matchOnDescription: true },
    );
    if (chosen) toggleFunctionBreakpoint(chosen.handler);
  } catch (error) {
    void vscode.window.showErrorMessage(messageOf(error));
  }
}
