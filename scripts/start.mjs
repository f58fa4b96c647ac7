// `npm start`: builds, then opens VS Code on samples/ with Ringside loaded; without a display, or with --headless, walks
// a sample's system calls in the terminal instead.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { ensureBrowserWorkbench } from './lib/browser-workbench-install.mjs';
import { downloadedEditor } from './lib/desktop-editor.mjs';
import { cache, dist, hasDisplay, main, onPath, root, run, samples, UserError } from './lib/project.mjs';
import { startWorkbenchServer } from './lib/workbench-server.mjs';

const USAGE = `npm start [-- OPTION]
  --headless  assemble and run a sample, print its system calls, exit
  --browser   use the browser-hosted VS Code even if there is a desktop one
  --no-open   with the browser-hosted VS Code: print its address, open no browser
  --help      this text`;

/** Profile of its own: no other extension is loaded, and nothing of the user's is touched. */
const profile = join(cache, 'profile');

async function walkInTerminal() {
  const program = join(samples, 'hello-syscall', 'hello.S');
  const commandLine = join(dist, 'ringside.js');
  if (!existsSync(commandLine)) throw new UserError('The command line is not built: run "npm run build".');
  return run(process.execPath, [commandLine, 'trace', program]);
}

async function openDesktop(editor) {
  console.log(`Opening ${editor} on samples/: open hello-syscall/hello.S there and press F5.`);
  return run(
    editor,
    [
      ...[`--extensionDevelopmentPath=${root}`, '--user-data-dir', join(profile, 'desktop')],
      ...['--disable-extensions', '--disable-workspace-trust', '--skip-welcome', '--new-window'],
      join(samples, 'hello-syscall', 'hello.S'),
      samples,
    ],
    { shell: process.platform === 'win32' },
  );
}

async function openInBrowser(openPage) {
  ensureBrowserWorkbench();
  const server = await startWorkbenchServer({ userData: join(profile, 'browser') });
  const url = server.pageUrl({ folder: samples, developmentPaths: [root] });
  console.log(`VS Code with Ringside runs at\n\n  ${url}\n`);
  console.log('Open hello-syscall/hello.S there and press F5. Ctrl+C ends it.');
  const opener = onPath('xdg-open') ?? onPath('chromium');
  if (openPage && opener) {
    // The page stays open in the user's browser; nothing waits for it.
    run(opener, [url], { stdio: 'ignore', detached: true }).catch(() => {});
  }
  const interrupted = new Promise((end) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => end(0));
  });
  const code = await Promise.race([interrupted, server.ended]);
  await server.stop();
  return code ?? 0;
}

await main(async (args) => {
  const unknown = args.find((argument) => !USAGE.includes(`  ${argument} `));
  if (unknown || args.includes('--help')) {
    console.log(unknown ? `Unknown option ${unknown}.\n${USAGE}` : USAGE);
    return unknown ? 2 : 0;
  }
  await build();
  if (args.includes('--headless') || !(hasDisplay() || args.includes('--browser'))) return walkInTerminal();
  if (!args.includes('--browser')) {
    const editor = onPath('code') ?? (await downloadedEditor());
    if (editor) return openDesktop(editor);
  }
  return openInBrowser(!args.includes('--no-open'));
});
