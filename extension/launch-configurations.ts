/** Launch configurations: those offered for an open file, what is filled in, and what is refused with a reason. */
import { existsSync, statSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import * as vscode from 'vscode';
import { unknownAttribute } from './launch-attributes';
import { DEBUG_TYPE } from './requests';

/** Languages of editors whose file can be launched. */
const LANGUAGES = new Set(['gas', 'asm', 'asm-intel-x86-generic', 'nasm']);
const ASSEMBLY_SOURCE = /\.(s|asm)$/i;

/** The configuration for one program, as F5 without a launch.json uses it. */
export function configurationFor(program: string): vscode.DebugConfiguration {
  return { type: DEBUG_TYPE, request: 'launch', name: `Ringside: ${basename(program)}`, program };
}

export class LaunchConfigurations implements vscode.DebugConfigurationProvider {
  /** @param attributes names of the attributes package.json documents */
  constructor(
    private readonly extensionPath: string,
    private readonly attributes: readonly string[],
  ) {}

  /** For "create a launch.json file" and for the list of dynamic configurations. */
  provideDebugConfigurations(): vscode.DebugConfiguration[] {
    const open = openProgram();
    return [
      ...(open ? [configurationFor(open)] : []),
      { ...configurationFor('${file}'), name: 'Ringside: the open file' },
    ];
  }

  resolveDebugConfiguration(
    _folder: vscode.WorkspaceFolder | undefined,
    configuration: vscode.DebugConfiguration,
  ): vscode.DebugConfiguration | undefined {
    // F5 without a launch.json comes with an empty configuration.
    if (!configuration.type && !configuration.request && !configuration.name) {
      const program = openProgram();
      if (program) return configurationFor(program);
      void vscode.window.showErrorMessage('Open an assembly program (.S, .s or .asm) to debug it with Ringside.');
      return undefined;
    }
    return configuration;
  }

  resolveDebugConfigurationWithSubstitutedVariables(
    folder: vscode.WorkspaceFolder | undefined,
    configuration: vscode.DebugConfiguration,
  ): vscode.DebugConfiguration | undefined {
    const problem =
      unknownAttribute(Object.keys(configuration), this.attributes) ?? programProblem(configuration.program);
    if (problem) {
      void refuse(problem, folder);
      return undefined;
    }
    return {
      ...configuration,
      kernel: absolute((configuration.kernel as string | undefined) ?? this.defaultKernel(folder), folder),
      serial: (configuration.serial as string | undefined) ?? 'terminal',
    };
  }

  /** The workspace's own kernel, else the one that ships with the extension. */
  private defaultKernel(folder: vscode.WorkspaceFolder | undefined): string {
    const own = folder && join(folder.uri.fsPath, 'kernel');
    return own && existsSync(own) ? own : join(this.extensionPath, 'samples', 'kernel');
  }
}

function openProgram(): string | undefined {
  const document = vscode.window.activeTextEditor?.document;
  if (document?.uri.scheme !== 'file') return undefined;
  const launchable = LANGUAGES.has(document.languageId) || ASSEMBLY_SOURCE.test(document.fileName);
  return launchable ? document.fileName : undefined;
}

function programProblem(program: unknown): string | undefined {
  if (typeof program !== 'string' || program === '') return 'The launch configuration names no `program`.';
  if (!existsSync(program))
    return `The program ${program} does not exist. Check "program" in the launch configuration.`;
  if (!statSync(program).isFile()) return `The program ${program} is a folder; name the file in it that holds _start.`;
  return undefined;
}

function absolute(path: string, folder: vscode.WorkspaceFolder | undefined): string {
  return path === '' || isAbsolute(path) || !folder ? path : join(folder.uri.fsPath, path);
}

async function refuse(problem: string, folder: vscode.WorkspaceFolder | undefined): Promise<void> {
  const file = folder && join(folder.uri.fsPath, '.vscode', 'launch.json');
  const open = 'Open launch.json';
  const chosen = await vscode.window.showErrorMessage(problem, ...(file && existsSync(file) ? [open] : []));
  if (chosen === open && file) await vscode.window.showTextDocument(vscode.Uri.file(file));
}
