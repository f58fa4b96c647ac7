/** "Ringside: Boot Linux…": which kernel with what to run on it, and the configuration that becomes of it. */
import { basename } from 'node:path';
import * as vscode from 'vscode';
import {
  foundKernel,
  type FoundKernel,
  initrdBeside,
  installedKernels,
  staticBusybox,
} from '../debug-adapter/linux/find-images';
import { DEBUG_TYPE } from './requests';

const LAST_CONFIGURATION = 'ringside.lastLinuxConfiguration';
const KEEP = 'Add to launch.json';
/** Files of the workspace that are looked at. */
const MOST_FOUND = 20;
/**
 * Without placement at random addresses are those of the image, and the ciphers of a distribution's kernel need not test
 * themselves for two thirds of the boot.
 */
const APPEND = 'nokaslr cryptomgr.notests';

type Choice = vscode.QuickPickItem & { readonly attributes?: object; readonly ask?: () => Promise<object | undefined> };

export class LinuxBoots implements vscode.Disposable {
  private readonly disposables: vscode.Disposable[];

  constructor(
    private readonly memory: vscode.Memento,
    /** The assembly program in the active editor. */
    private readonly openProgram: () => string | undefined,
  ) {
    this.disposables = [
      vscode.commands.registerCommand('ringside.bootLinux', () => this.boot()),
      vscode.commands.registerCommand('ringside.pickKernel', pickKernel),
    ];
  }

  dispose(): void {
    for (const disposable of this.disposables) disposable.dispose();
  }

  /** The configuration the command made last in this workspace. */
  get last(): vscode.DebugConfiguration | undefined {
    return this.memory.get(LAST_CONFIGURATION);
  }

  /** For the list of configurations that need no launch.json. */
  offered(): vscode.DebugConfiguration[] {
    const busybox = staticBusybox();
    const asking: vscode.DebugConfiguration = {
      type: DEBUG_TYPE,
      request: 'launch',
      name: 'Boot Linux…',
      kernel: '${command:PickKernel}',
      append: APPEND,
      ...(busybox === undefined ? {} : { busybox }),
    };
    return [...(this.last ? [this.last] : []), asking];
  }

  private async boot(): Promise<void> {
    const kernel = await pickKernel();
    const attributes = kernel === undefined ? undefined : await this.pickFileSystem(kernel);
    if (kernel === undefined || !attributes) return;
    const program = 'program' in attributes ? `${basename(String(attributes.program))} on ` : 'Boot ';
    const configuration: vscode.DebugConfiguration = {
      type: DEBUG_TYPE,
      request: 'launch',
      name: `${program}${basename(kernel)}`,
      kernel,
      ...attributes,
      append: APPEND,
    };
    const folder = vscode.workspace.workspaceFolders?.[0];
    if (!(await vscode.debug.startDebugging(folder, configuration))) return;
    await this.memory.update(LAST_CONFIGURATION, configuration);
    if (folder) await offerToKeep(folder, configuration);
  }

  /** What shall run on the kernel, as attributes of a launch; undefined if the user thought better of it. */
  private async pickFileSystem(kernel: string): Promise<object | undefined> {
    const busybox = staticBusybox();
    const program = this.openProgram();
    const initrd = initrdBeside(kernel);
    const choices: Choice[] = [
      ...(busybox === undefined
        ? []
        : [
            {
              label: '$(terminal) A Shell',
              description: busybox,
              detail: 'An initial RAM disk with busybox and its commands',
              attributes: { busybox },
            },
          ]),
      ...(program === undefined
        ? []
        : [
            {
              label: `$(debug-alt) ${basename(program)}`,
              description: program,
              detail: 'The program in the editor is the first process: step from it into the kernel',
              attributes: { program },
            },
          ]),
      ...(initrd === undefined
        ? []
        : [
            {
              label: `$(archive) ${basename(initrd)}`,
              description: initrd,
              detail: 'The initial RAM disk that was installed with the kernel',
              attributes: { initrd },
            },
          ]),
      {
        label: '$(file) Program…',
        detail: 'A static ELF executable or an assembly source that is the first process',
        ask: () => pickAttribute('program', { title: 'Program to Run as the First Process' }),
      },
      {
        label: '$(archive) Initial RAM Disk…',
        detail: 'An archive as the kernel takes it',
        ask: () => pickAttribute('initrd', { title: 'Initial RAM Disk' }),
      },
      {
        label: '$(folder) Folder…',
        detail: 'Becomes an initial RAM disk; /init in it is started',
        ask: () =>
          pickAttribute('initrd', {
            title: 'Folder That Becomes an Initial RAM Disk',
            canSelectFolders: true,
            canSelectFiles: false,
          }),
      },
      ...(busybox === undefined
        ? [
            {
              label: '$(terminal) Busybox…',
              detail: 'A static busybox, as Debian has in the package busybox-static: a shell',
              ask: () => pickAttribute('busybox', { title: 'Static Busybox' }),
            },
          ]
        : []),
      { label: '$(circle-slash) Nothing', detail: 'The kernel will panic for want of a first process', attributes: {} },
    ];
    const chosen = await vscode.window.showQuickPick(choices, {
      title: `Boot ${basename(kernel)}`,
      placeHolder: 'What to run on it',
      matchOnDescription: true,
    });
    return chosen?.ask ? chosen.ask() : chosen?.attributes;
  }
}

/** Lets the user choose a kernel: of those installed, of those in the workspace, or any file. */
async function pickKernel(): Promise<string | undefined> {
  type KernelItem = vscode.QuickPickItem & { readonly kernel?: FoundKernel };
  const heading = (label: string): KernelItem => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const item = (kernel: FoundKernel): KernelItem => ({
    label: `${kernel.readable ? '$(server-environment)' : '$(lock)'} ${basename(kernel.path)}`,
    description: [kernel.version, `${(kernel.bytes / 2 ** 20).toFixed(0)} MiB`].filter(Boolean).join(' · '),
    detail: kernel.readable ? kernel.path : `${kernel.path} (only root may read it)`,
    kernel,
  });
  const [own, installed] = [await kernelsInWorkspace(), installedKernels()];
  const chosen = await vscode.window.showQuickPick<KernelItem>(
    [
      ...(own.length > 0 ? [heading('in the workspace'), ...own.map(item)] : []),
      ...(installed.length > 0 ? [heading('installed'), ...installed.map(item)] : []),
      heading('elsewhere'),
      { label: '$(folder-opened) Browse…', detail: 'bzImage (vmlinuz) or vmlinux of an x86-64 kernel' },
    ],
    { title: 'Boot Linux', placeHolder: 'Kernel to boot', matchOnDescription: true, matchOnDetail: true },
  );
  if (!chosen) return undefined;
  return chosen.kernel?.path ?? pickFile({ title: 'Kernel to Boot' });
}

async function kernelsInWorkspace(): Promise<FoundKernel[]> {
  const files = await vscode.workspace.findFiles('**/{vmlinuz,vmlinux,bzImage}*', '**/node_modules/**', MOST_FOUND);
  return files.flatMap(({ fsPath }) => foundKernel(fsPath) ?? []).sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function pickFile(options: vscode.OpenDialogOptions): Promise<string | undefined> {
  const [file] = (await vscode.window.showOpenDialog({ openLabel: 'Boot', ...options })) ?? [];
  return file?.fsPath;
}

async function pickAttribute(
  name: 'program' | 'initrd' | 'busybox',
  options: vscode.OpenDialogOptions,
): Promise<object | undefined> {
  const path = await pickFile(options);
  return path === undefined ? undefined : { [name]: path };
}

/** Asks whether F5 shall have the configuration from now on. */
async function offerToKeep(folder: vscode.WorkspaceFolder, configuration: vscode.DebugConfiguration): Promise<void> {
  const launch = vscode.workspace.getConfiguration('launch', folder.uri);
  const present = launch.get<vscode.DebugConfiguration[]>('configurations', []);
  if (present.some(({ name }) => name === configuration.name)) return;
  const answer = await vscode.window.showInformationMessage(`Keep "${configuration.name}" for F5?`, KEEP);
  if (answer !== KEEP) return;
  await launch.update('configurations', [...present, configuration], vscode.ConfigurationTarget.WorkspaceFolder);
}
