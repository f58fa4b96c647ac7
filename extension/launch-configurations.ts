/**
 * Launch configurations: those offered for an open file, and what is filled in. What is wrong in one the adapter tells;
 * VS Code shows it with a button that opens launch.json.
 */
import { basename, isAbsolute, join } from 'node:path';
import * as vscode from 'vscode';
import type { LinuxBoots } from './boot-linux';
import { DEBUG_TYPE } from './requests';

/** Languages of editors whose file can be launched. */
const LANGUAGES = new Set(['gas', 'asm', 'asm-intel-x86-generic', 'nasm']);
/** Attributes that name a file, and may do so by a path in the workspace folder. */
const PATHS = ['kernel', 'initrd', 'busybox', 'snapshot'] as const;
/** What stands for a path there. */
const WORDS = new Set<unknown>(['none', 'auto', 'off']);
const ASSEMBLY_SOURCE = /\.(s|asm)$/i;

/** The configuration for one program, as F5 without a launch.json uses it. */
export function configurationFor(program: string): vscode.DebugConfiguration {
  return { type: DEBUG_TYPE, request: 'launch', name: `Ringside: ${basename(program)}`, program };
}

/** For the list of configurations that need no launch.json: the program in the active editor, and Linux. */
export function dynamicConfigurations(linux: LinuxBoots): vscode.DebugConfigurationProvider {
  return {
    provideDebugConfigurations() {
      const open = openProgram();
      return [...(open === undefined ? [] : [configurationFor(open)]), ...linux.offered()];
    },
  };
}

const BOOT_LINUX = 'Boot Linux…';

/** Fills in what a configuration leaves out, but for the kernel: which one a program runs on, the adapter knows. */
export class LaunchConfigurations implements vscode.DebugConfigurationProvider {
  constructor(private readonly linux: LinuxBoots) {}

  resolveDebugConfiguration(
    _folder: vscode.WorkspaceFolder | undefined,
    configuration: vscode.DebugConfiguration,
  ): vscode.DebugConfiguration | undefined {
    // F5 without a launch.json comes with an empty configuration.
    if (!configuration.type && !configuration.request && !configuration.name) {
      const program = openProgram();
      if (program) return configurationFor(program);
      if (this.linux.last) return this.linux.last;
      void vscode.window
        .showErrorMessage(
          'Open an assembly program (.S, .s or .asm) to debug it with Ringside, or boot Linux.',
          BOOT_LINUX,
        )
        .then((answer) => answer && vscode.commands.executeCommand('ringside.bootLinux'));
      return undefined;
    }
    return configuration;
  }

  resolveDebugConfigurationWithSubstitutedVariables(
    folder: vscode.WorkspaceFolder | undefined,
    configuration: vscode.DebugConfiguration,
  ): vscode.DebugConfiguration {
    const paths: Record<string, unknown> = {};
    for (const name of PATHS) {
      const path: unknown = configuration[name];
      if (path !== undefined && !WORDS.has(path)) paths[name] = absolute(path, folder);
    }
    return { serial: 'terminal', ...configuration, ...paths };
  }
}

export function openProgram(): string | undefined {
  const document = vscode.window.activeTextEditor?.document;
  if (document?.uri.scheme !== 'file') return undefined;
  const launchable = LANGUAGES.has(document.languageId) || ASSEMBLY_SOURCE.test(document.fileName);
  return launchable ? document.fileName : undefined;
}

/** A relative path is one in the workspace folder; what is no path is left for the adapter to refuse. */
function absolute(path: unknown, folder: vscode.WorkspaceFolder | undefined): unknown {
  if (typeof path !== 'string' || path === '' || isAbsolute(path) || !folder) return path;
  return join(folder.uri.fsPath, path);
}
