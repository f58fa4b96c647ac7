/** Custom requests of our adapter, typed. */
import type * as vscode from 'vscode';
import type { CustomRequests } from '../debug-adapter/protocol';

export const DEBUG_TYPE = 'ringside';

/** Rejects with the adapter's message if it refuses. */
export async function request<Command extends keyof CustomRequests>(
  session: vscode.DebugSession,
  command: Command,
  ...[argument]: CustomRequests[Command]['arguments'] extends undefined ? [] : [CustomRequests[Command]['arguments']]
): Promise<CustomRequests[Command]['response']> {
  return (await session.customRequest(command, argument)) as CustomRequests[Command]['response'];
}

/** The words of a rejected request. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
