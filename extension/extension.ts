/** Entry of the extension: registers everything, starts nothing. */
import { existsSync } from 'node:fs';
import * as vscode from 'vscode';
import { adapterFactory } from './adapter-process';
import { LinuxBoots } from './boot-linux';
import { registerCommands } from './commands';
import { dynamicConfigurations, LaunchConfigurations, openProgram } from './launch-configurations';
import { Listings } from './listing';
import { DEBUG_TYPE } from './requests';
import { SerialTerminals } from './serial-terminal';
import { Sessions } from './sessions';
import { openViewsAtFirstStop } from './views/first-session';
import { StatusItem } from './views/status';
import { createViews } from './views/views';

/** Name under which the extension host's performance timeline tells how long activation took. */
const ACTIVATION_MEASURE = 'ringside.activate';

export function activate(context: vscode.ExtensionContext): void {
  const begin = performance.now();
  const sessions = new Sessions();
  const linux = new LinuxBoots(context.workspaceState, openProgram);
  context.subscriptions.push(
    sessions,
    linux,
    vscode.debug.registerDebugAdapterDescriptorFactory(
      DEBUG_TYPE,
      adapterFactory(context.extensionPath, context.globalStorageUri.fsPath),
    ),
    vscode.debug.registerDebugConfigurationProvider(DEBUG_TYPE, new LaunchConfigurations(linux)),
    vscode.debug.registerDebugConfigurationProvider(
      DEBUG_TYPE,
      dynamicConfigurations(linux),
      vscode.DebugConfigurationProviderTriggerKind.Dynamic,
    ),
    ...createViews(context.extensionUri, sessions),
    openViewsAtFirstStop(context.globalState, sessions),
    new StatusItem(sessions),
    new SerialTerminals(sessions),
    new Listings(sessions),
    ...registerCommands(sessions),
    ...startLanguageClientOnDemand(context),
  );
  // From now on the views are worth their place in the side bar.
  void vscode.commands.executeCommand('setContext', 'ringside.active', true);
  performance.measure(ACTIVATION_MEASURE, { start: begin });
}

/** The language client is a bundle of its own, loaded when the first assembly file is open. */
function startLanguageClientOnDemand(context: vscode.ExtensionContext): vscode.Disposable[] {
  const server = context.asAbsolutePath('dist/language-server.js');
  if (!existsSync(server)) return [];
  let started = false;
  async function start(document: vscode.TextDocument): Promise<void> {
    if (started || document.languageId !== 'gas') return;
    started = true;
    const { startLanguageClient } = await import('./language-client');
    context.subscriptions.push(await startLanguageClient(server));
  }
  for (const document of vscode.workspace.textDocuments) void start(document);
  return [vscode.workspace.onDidOpenTextDocument((document) => void start(document))];
}
