import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { hello, openFile, stopDebugging, Stops, until } from './support/editor';
import { picture, viewFrame, workbenchPage } from './support/pictures';

describe('the views of the debug side bar', function () {
  let stops: Stops;
  beforeEach(function () {
    if (!workbenchPage()) this.skip();
    stops = new Stops();
  });
  afterEach(async () => {
    await stopDebugging();
    stops.dispose();
  });

  it('are drawn', async () => {
    const page = await workbenchPage()!;
    await openFile(hello);
    await vscode.commands.executeCommand('workbench.action.debug.start');
    await stops.next();
    for (const view of ['msrs', 'systemCallTable', 'ptRegs', 'lastInstruction']) {
      await vscode.commands.executeCommand(`ringside.${view}.focus`);
    }
    const msrs = await viewFrame(page, '[data-msr="c0000082"]');
    assert.match(await msrs.locator('[data-msr="c0000082"]').innerText(), /entry_SYSCALL_64/);
    await picture(page, 'views');
    await until('nothing', () => true);
  });
});
