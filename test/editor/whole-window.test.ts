import * as vscode from 'vscode';
import type { PtRegs } from '../../debug-adapter/protocol';
import { activeSession, stopDebugging, Stops, until } from './support/editor';
import { picture, workbenchPage, type Page } from './support/pictures';
import { debugHello, runTo, show } from './support/walk';

/** Slots filled in the picture: enough to see what happens, not all. */
const FILLED = 11;
const SIDE_BAR_WIDTH = 400;
/** Pixels by which the view of pt_regs is made higher. */
const STACK_GROWTH = 395;

/** The picture of README.md: stopped while pt_regs is being filled, everything else of interest in sight. */
describe('the whole window', () => {
  let stops: Stops;
  beforeEach(() => (stops = new Stops()));
  afterEach(async () => {
    await stopDebugging();
    stops.dispose();
  });

  it('shows the way into the kernel at one glance', async function () {
    const connecting = workbenchPage();
    if (!connecting) return this.skip();
    const page = await connecting;
    await page.setViewportSize({ width: 1800, height: 1200 });
    await vscode.workspace.getConfiguration('workbench').update('colorTheme', 'Default Dark Modern', true);
    await vscode.workspace.getConfiguration('editor').update('minimap.enabled', false, true);
    await debugHello(stops);
    await runTo(stops, 'entry_SYSCALL_64_safe_stack');
    await show(page, 'msrs', '[data-msr]');
    await moveToSecondarySideBar(page, 'MSRs');
    await show(page, 'systemCallTable', '[data-call]');
    await show(page, 'lastInstruction', ':is(.message, .effects)');
    const stack = await show(page, 'ptRegs', '[data-slot]');

    for (const title of ['Variables', 'Watch', 'Loaded Scripts', 'Breakpoints']) {
      const header = page.locator(`.pane-header[aria-label^="${title}"]`).first();
      if ((await header.getAttribute('aria-expanded')) === 'true') await header.click();
    }
    await vscode.commands.executeCommand('workbench.action.closePanel');
    const sideBar = await box(page, '.part.sidebar');
    await drag(page, { x: sideBar.x + sideBar.width, y: 300 }, { x: sideBar.x + SIDE_BAR_WIDTH, y: 300 });
    const table = await box(page, '.pane-header[aria-label^="System-Call Table"]');
    const x = table.x + 60;
    await drag(page, { x, y: table.y }, { x, y: table.y + STACK_GROWTH });
    for (let filled = 0; filled < FILLED;) {
      await vscode.commands.executeCommand('ringside.stepIntoInstruction');
      await stops.next();
      const regs = (await activeSession().customRequest('ringside/ptRegs')) as PtRegs;
      filled = regs.slots.filter((slot) => slot.filled).length;
    }
    await until('the slots to be drawn', async () => (await stack.locator('.slot.filled').count()) >= FILLED);
    await new Promise((painted) => setTimeout(painted, 500));
    await picture(page, 'whole-window');
  });
});

async function moveToSecondarySideBar(page: Page, view: string): Promise<void> {
  void vscode.commands.executeCommand('workbench.action.moveView');
  for (const choice of [view, 'New Secondary Side Bar Entry']) {
    await until('the list', async () => (await page.locator('.quick-input-widget input.input').count()) > 0);
    await new Promise((filled) => setTimeout(filled, 500));
    await page.keyboard.type(choice);
    await new Promise((filtered) => setTimeout(filtered, 500));
    await page.keyboard.press('Enter');
  }
}

interface Point {
  x: number;
  y: number;
}

async function box(page: Page, selector: string): Promise<Point & { width: number; height: number }> {
  return until(selector, async () => (await page.locator(selector).first().boundingBox()) ?? undefined);
}

async function drag(page: Page, from: Point, to: Point): Promise<void> {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 5 });
  await page.mouse.up();
  await page.mouse.move(to.x + 400, to.y - 100);
}
