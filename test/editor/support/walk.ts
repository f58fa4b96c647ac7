/** Walks the tests of several suites take, and the documents of the views on the way. */
import * as vscode from 'vscode';
import { hello, openFile, type Stops } from './editor';
import { viewFrame, type Frame, type Page } from './pictures';

/** The page of each view. */
const PAGES = {
  msrs: 'msrs',
  ptRegs: 'pt-regs',
  systemCallTable: 'system-call-table',
  lastInstruction: 'last-instruction',
};

export async function debugHello(stops: Stops): Promise<void> {
  await openFile(hello);
  await vscode.commands.executeCommand('workbench.action.debug.start');
  await stops.next();
}

/** Goes on until the first instruction of a function of the kernel. */
export async function runTo(stops: Stops, name: string): Promise<void> {
  await stops.answered('setFunctionBreakpoints', () => {
    vscode.debug.addBreakpoints([new vscode.FunctionBreakpoint(name)]);
  });
  await vscode.commands.executeCommand('workbench.action.debug.continue');
  await stops.next();
}

/** Reveals a view and gives its document, once it shows what `selector` finds. */
export async function show(page: Page, view: keyof typeof PAGES, selector: string): Promise<Frame> {
  await vscode.commands.executeCommand(`ringside.${view}.focus`);
  return viewFrame(page, `[data-view="${PAGES[view]}"] ${selector}`);
}
