import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { PtRegs } from '../../debug-adapter/protocol';
import { activeSession, hello, stopDebugging, Stops, until } from './support/editor';
import { picture, workbenchPage, type Frame, type Page } from './support/pictures';
import { debugHello, runTo, show } from './support/walk';

/** Values hello.S puts into registers that a system call leaves alone. */
const HELLO_REGISTERS = { r12: 0x1212n, r13: 0x1313n, r14: 0x1414n, r15: 0x1515n, bx: 0xb0bn, bp: 0xb9n };
const NR_WRITE = 1n;
const PT_REGS_SLOTS = 21;
/** All views of the side bar at once. */
const TALL_WINDOW = { width: 1440, height: 1700 };

/** The number a value shows: its digits are in two groups. */
function valueOf(text: string): bigint {
  return BigInt(`0x${text.replace(/\s/g, '')}`);
}

async function slotValue(frame: Frame, name: string): Promise<bigint | undefined> {
  const text = await frame.locator(`[data-slot="${name}"] .value`).innerText();
  return text === '—' ? undefined : valueOf(text);
}

describe('the views of the debug side bar', () => {
  let stops: Stops;
  let page: Page;
  beforeEach(async function () {
    const connecting = workbenchPage();
    if (!connecting) return this.skip();
    page = await connecting;
    await page.setViewportSize(TALL_WINDOW);
    stops = new Stops();
  });
  afterEach(async function () {
    if (!stops) return;
    if (this.currentTest?.state === 'failed') await picture(page, `failed ${this.currentTest.title}`);
    await stopDebugging();
    stops.dispose();
  });

  it('MSRs: LSTAR resolves to the entry, and fields open', async () => {
    await debugHello(stops);
    const frame = await show(page, 'msrs', '[data-msr="c0000082"]');
    assert.match(await frame.locator('[data-msr="c0000082"]').innerText(), /IA32_LSTAR[^]*entry_SYSCALL_64/);
    const star = frame.locator('[data-msr="c0000081"]');
    assert.equal(valueOf(await star.locator('.value').innerText()) >> 32n, 0x230010n);
    await star.locator('summary').click();
    await until('the fields of STAR', async () => /47:32[^]*0x10/.test(await star.innerText()));
    await picture(page, 'msrs');
  });

  it('MSRs: a value typed in is written and highlighted, a wrong one refused', async () => {
    await debugHello(stops);
    const frame = await show(page, 'msrs', '[data-msr="c0000082"]');
    const lstar = frame.locator('[data-msr="c0000082"]');
    const before = valueOf(await lstar.locator('.value').innerText());
    await lstar.locator('button.value').click();
    await page.keyboard.type('0x8000000000000000');
    await page.keyboard.press('Enter');
    await until('the refusal', async () => (await lstar.locator('[role=alert]').count()) === 1);
    assert.match(await lstar.locator('[role=alert]').innerText(), /canonical/);

    await lstar.locator('button.value').click();
    await page.keyboard.type(`0x${(before + 4n).toString(16)}`);
    await page.keyboard.press('Enter');
    await until('the new value', async () => valueOf(await lstar.locator('.value').innerText()) === before + 4n);
    assert.match(await lstar.innerText(), /entry_SYSCALL_64\+0x4/);
  });

  it('pt_regs: fills push by push and ends with what the program had in its registers', async () => {
    await debugHello(stops);
    const empty = await show(page, 'ptRegs', '.message');
    assert.match(await empty.locator('body').innerText(), /ring 3/);
    await runTo(stops, 'entry_SYSCALL_64_safe_stack');
    const frame = await show(page, 'ptRegs', '[data-slot]');
    const counts: number[] = [];
    for (let steps = 0; counts.at(-1) !== PT_REGS_SLOTS && steps < 80; steps++) {
      const regs = (await activeSession().customRequest('ringside/ptRegs')) as PtRegs;
      const filled = regs.slots.filter((slot) => slot.filled).length;
      await until(`${filled} slots to be drawn as filled`, async () => {
        return (await frame.locator('.slot.filled').count()) === filled;
      });
      if (counts.at(-1) !== filled) counts.push(filled);
      if (filled === 9) await picture(page, 'pt-regs-half');
      await vscode.commands.executeCommand('ringside.stepIntoInstruction');
      await stops.next();
    }
    assert.deepEqual(
      counts,
      Array.from({ length: PT_REGS_SLOTS + 1 }, (_, count) => count),
    );
    for (const [name, value] of Object.entries(HELLO_REGISTERS))
      assert.equal(await slotValue(frame, name), value, name);
    assert.equal(await slotValue(frame, 'orig_ax'), NR_WRITE);
    await picture(page, 'pt-regs');
  });

  it('pt_regs: a slot typed in is written to the stack', async () => {
    await debugHello(stops);
    await runTo(stops, 'do_syscall_64');
    const frame = await show(page, 'ptRegs', '[data-slot="dx"] button.value');
    assert.equal(await slotValue(frame, 'dx'), BigInt('Hello, ring 0!\n'.length));
    await frame.locator('[data-slot="dx"] button.value').click();
    await page.keyboard.type('5');
    await page.keyboard.press('Enter');
    await until('the new value', async () => (await slotValue(frame, 'dx')) === 5n);
    // The handler takes its arguments from there: it writes five bytes.
    await runTo(stops, 'ksys_write');
    const { result } = (await activeSession().customRequest('evaluate', { expression: '$rdx' })) as { result: string };
    assert.match(result, /^0x5\b/);
  });

  it('System-Call Table: marks the call in progress, filters, and breaks on a call', async () => {
    await debugHello(stops);
    await runTo(stops, 'do_syscall_64');
    const frame = await show(page, 'systemCallTable', '[data-call="write"]');
    const row = frame.locator('[data-call="write"]');
    await until('the row of write to be marked', async () => (await row.getAttribute('aria-current')) === 'true');
    assert.equal(await frame.locator('[aria-current]').count(), 1);
    assert.match(await row.innerText(), /Hello, ring 0!/);
    await picture(page, 'system-call-table');

    await frame.locator('.filter').focus();
    await page.keyboard.type('getpid');
    await until('the filter', async () => (await frame.locator('.call:not([hidden])').count()) === 1);
    await frame.locator('.filter').focus();
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Delete');

    const exit = frame.locator('[data-call="exit"] .breakpoint');
    await exit.click({ force: true });
    await until('the breakpoint to be shown', async () => (await exit.getAttribute('aria-pressed')) === 'true');
    await vscode.commands.executeCommand('workbench.action.debug.continue');
    assert.equal((await stops.next()).reason, 'function breakpoint');
    await until('the row of exit to be marked', async () => {
      return (await frame.locator('[data-call="exit"]').getAttribute('aria-current')) === 'true';
    });
  });

  it('Last Instruction: tells what SYSCALL changed and from which MSR', async () => {
    await debugHello(stops);
    const location = new vscode.Location(
      vscode.Uri.file(hello),
      new vscode.Position((await lineOf(/^\s*syscall/)) - 1, 0),
    );
    await stops.answered('setBreakpoints', () => {
      vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(location)]);
    });
    await vscode.commands.executeCommand('workbench.action.debug.continue');
    await stops.next();
    await vscode.commands.executeCommand('workbench.action.debug.stepInto');
    await stops.next();
    const frame = await show(page, 'lastInstruction', '[data-target="RCX"]');
    assert.match(await frame.locator('[data-target="RIP"]').innerText(), /LSTAR/);
    assert.match(await frame.locator('[data-target="CS"]').innerText(), /STAR/);
    assert.match(await frame.locator('[data-target="CPL"]').innerText(), /3[^]*0/);
    await picture(page, 'last-instruction');
  });

  it('say what to do when no session is active', async () => {
    await debugHello(stops);
    await show(page, 'msrs', '[data-msr]');
    await stopDebugging();
    const frame = await show(page, 'msrs', 'button.action');
    assert.match(await frame.locator('body').innerText(), /F5/);
  });
});

async function lineOf(pattern: RegExp): Promise<number> {
  const document = await vscode.workspace.openTextDocument(hello);
  return (
    document
      .getText()
      .split('\n')
      .findIndex((line) => pattern.test(line)) + 1
  );
}
