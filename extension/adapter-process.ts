/** The debug adapter runs as a process of its own, in the Node that VS Code brings along. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { FRUGAL_ARGUMENTS, FRUGAL_ENVIRONMENT } from '../debug-adapter/process-memory';

/** @param snapshots folder for snapshots of booted machines */
export function adapterFactory(extensionPath: string, snapshots: string): vscode.DebugAdapterDescriptorFactory {
  const program = join(extensionPath, 'dist', 'debug-adapter.js');
  return {
    createDebugAdapterDescriptor() {
      if (!existsSync(program)) throw new Error(`The debug adapter is missing (${program}): run "npm run build".`);
      return new vscode.DebugAdapterExecutable(process.execPath, [...FRUGAL_ARGUMENTS, program], {
        env: { ...FRUGAL_ENVIRONMENT, ELECTRON_RUN_AS_NODE: '1', RINGSIDE_SNAPSHOTS: snapshots },
      });
    },
  };
}
