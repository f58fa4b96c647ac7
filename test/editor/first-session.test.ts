import { stopDebugging, Stops, until } from './support/editor';
import { picture, viewFrame, workbenchPage } from './support/pictures';
import { debugHello } from './support/walk';

/** Must be the first suite that debugs: the profile of a run is new. */
describe('the first session of a user', () => {
  it('opens the views and leaves the focus in the editor', async function () {
    const connecting = workbenchPage();
    if (!connecting) return this.skip();
    const page = await connecting;
    const stops = new Stops();
    await debugHello(stops);
    for (const view of ['last-instruction', 'pt-regs', 'system-call-table']) {
      await viewFrame(page, `[data-view="${view}"] > *`);
    }
    await until('the focus in the editor', async () =>
      page.evaluate<boolean>("document.activeElement?.closest('.monaco-editor') !== null"),
    );
    await picture(page, 'first-session');
    await stopDebugging();
    stops.dispose();
  });
});
