/** The views of the debug side bar and what each asks the adapter for. */
import * as vscode from 'vscode';
import { request } from '../requests';
import type { Sessions } from '../sessions';
import { View } from './view';

export function createViews(extensionUri: vscode.Uri, sessions: Sessions): vscode.Disposable[] {
  const systemCallTable = new View(
    'ringside.systemCallTable',
    'system-call-table',
    extensionUri,
    sessions,
    async (session) => ({ ...(await request(session, 'ringside/syscallTable')), breakpoints: functionBreakpoints() }),
  );
  return [
    new View('ringside.msrs', 'msrs', extensionUri, sessions, (session) => request(session, 'ringside/msrs')),
    new View('ringside.ptRegs', 'pt-regs', extensionUri, sessions, (session) => request(session, 'ringside/ptRegs')),
    new View('ringside.lastInstruction', 'last-instruction', extensionUri, sessions, async (session) => ({
      last: (await request(session, 'ringside/cpu')).last,
    })),
    systemCallTable,
    vscode.debug.onDidChangeBreakpoints(() => void systemCallTable.refresh()),
  ];
}

function functionBreakpoints(): string[] {
  return vscode.debug.breakpoints.flatMap((breakpoint) =>
    breakpoint instanceof vscode.FunctionBreakpoint ? [breakpoint.functionName] : [],
  );
}
