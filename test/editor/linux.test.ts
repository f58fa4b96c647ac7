import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'fflate';
import * as vscode from 'vscode';
import type { ListingResponse, PtRegs, SerialData } from '../../debug-adapter/protocol';
import { bzImage, smallVmlinux } from '../toolchain/linux/small-kernel';
import { activeSession, hello, openFile, stopDebugging, Stops, topFrame, until } from './support/editor';
import { picture, type Page, workbenchPage } from './support/pictures';
import { show } from './support/walk';

/** The small kernel with debugging information, where somebody has made one: the pictures show it. */
const { RINGSIDE_LINUX_FOLDER: folderOfKernels = '' } = process.env;

describe('Linux in the editor', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-linux-'));
  const kernel = join(folder, 'bzImage');
  let stops: Stops;
  let shown: string;
  let listening: vscode.Disposable;
  before(() => writeFileSync(kernel, bzImage(gzipSync(smallVmlinux()))));
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    stops = new Stops();
    shown = '';
    listening = vscode.debug.onDidReceiveDebugSessionCustomEvent(({ event, body }) => {
      if (event === 'ringside/serialOutput') shown += Buffer.from((body as SerialData).data, 'base64').toString();
    });
  });
  afterEach(async () => {
    await stopDebugging();
    stops.dispose();
    listening.dispose();
  });

  async function boot(attributes: object): Promise<void> {
    const [workspace] = vscode.workspace.workspaceFolders ?? [];
    const configuration = { type: 'ringside', request: 'launch', name: 'Boot Linux', kernel, memory: '32M' };
    assert.ok(await vscode.debug.startDebugging(workspace, { ...configuration, ...attributes }));
  }

  /** Types as the user does: by the terminal, or where there is no window by what the terminal sends. */
  async function type(text: string): Promise<void> {
    await until('the terminal', () => vscode.window.activeTerminal?.name.startsWith('Serial: '));
    vscode.window.activeTerminal?.sendText(text, false);
  }

  const pages = (): Promise<Page> | undefined => workbenchPage();

  it('boots into a terminal that can be typed into, pauses, and goes on', async () => {
    await boot({});
    await until('the prompt', () => shown.endsWith('/ # '));
    await type('a\r');
    await until('the echo', () => /# a\r?\n?/.test(shown));
    await vscode.commands.executeCommand('workbench.action.debug.pause');
    assert.equal((await stops.next()).reason, 'pause');
    const frame = await topFrame();
    assert.match(frame.source?.name ?? '', /\.lst$/);
    const path = frame.source?.path ?? '';
    const { text } = (await activeSession().customRequest('ringside/listing', { path })) as ListingResponse;
    const document = await until('the code as a listing', () =>
      vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === vscode.Uri.parse(path).toString()),
    );
    assert.equal(document.getText(), text);
    const page = await pages();
    if (page) await picture(page, 'linux-paused');
    await vscode.commands.executeCommand('workbench.action.debug.continue');
    await type('b\r');
    await until('the echo', () => shown.includes('# b'));
  });

  it('stops where the kernel panics, and ends when it switches the machine off', async () => {
    await boot({});
    await until('the prompt', () => shown.endsWith('/ # '));
    await type('p\r');
    const { reason, text } = await stops.next();
    assert.deepEqual([reason, text], ['exception', 'Kernel panic - not syncing: asked to']);
    await stopDebugging();
    shown = '';
    await boot({});
    await until('the prompt', () => shown.endsWith('/ # '));
    await type('o\r');
    await until('the end', () => vscode.debug.activeDebugSession === undefined);
  });

  it('offers Linux in the list of configurations', async () => {
    const commands = await vscode.commands.getCommands(true);
    for (const command of ['ringside.bootLinux', 'ringside.pickKernel']) assert.ok(commands.includes(command), command);
  });

  it('tells what is wrong with a kernel', async () => {
    const refusal = stops.refusal('launch');
    await boot({ kernel: hello.replace('hello.S', 'none') }).catch(() => {});
    assert.match(await refusal, /There is no file/);
  });

  it('steps from a program into the entry of a real kernel', async function () {
    const real = join(folderOfKernels, 'small-vmlinux');
    const page = await pages();
    if (!existsSync(real) || !page) return this.skip();
    this.timeout(300_000);
    await page.setViewportSize({ width: 1800, height: 1200 });
    await openFile(hello);
    await boot({ kernel: real, program: hello, memory: '256M', append: 'nokaslr' });
    await stops.next();
    assert.equal((await topFrame()).name, '_start');
    await picture(page, 'linux-hello');
    await stops.answered('setFunctionBreakpoints', () => {
      vscode.debug.addBreakpoints([new vscode.FunctionBreakpoint('enter_kernel')]);
    });
    await vscode.commands.executeCommand('workbench.action.debug.continue');
    await stops.next();
    await vscode.commands.executeCommand('ringside.stepIntoInstruction');
    await stops.next();
    assert.equal((await topFrame()).name, 'entry_SYSCALL_64');
    for (let filled = 0; filled < 11;) {
      await vscode.commands.executeCommand('ringside.stepIntoInstruction');
      await stops.next();
      const regs = (await activeSession().customRequest('ringside/ptRegs')) as PtRegs;
      filled = regs.available ? regs.slots.filter((slot) => slot.filled).length : 0;
    }
    await show(page, 'systemCallTable', '[data-call]');
    await show(page, 'lastInstruction', ':is(.message, .effects)');
    await show(page, 'ptRegs', '[data-slot]');
    await picture(page, 'linux-entry');
  });

  it('boots a real kernel to a shell', async function () {
    const real = join(folderOfKernels, 'small-vmlinux');
    const page = await pages();
    if (!existsSync(real) || !page) return this.skip();
    this.timeout(300_000);
    await boot({ kernel: real, busybox: join(folderOfKernels, 'busybox'), memory: '256M', append: 'nokaslr' });
    await until('the log', () => shown.includes('Linux version'), 100_000);
    await picture(page, 'linux-boots');
    await until('the prompt', () => shown.includes('/ # '), 200_000);
    await type('uname -a; ls\r');
    await until('the answer', () => shown.includes('GNU/Linux'));
    await new Promise((painted) => setTimeout(painted, 1500));
    await picture(page, 'linux-shell');
    await vscode.commands.executeCommand('workbench.action.debug.pause');
    await stops.next();
    await new Promise((painted) => setTimeout(painted, 1500));
    await picture(page, 'linux-shell-paused');
  });
});
