// Where things are in the checkout, and small helpers all scripts share.
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const dist = join(root, 'dist');
export const out = join(root, 'out');
/** Downloads that are no dependency of the extension; safe to delete. */
export const cache = join(root, '.cache');
export const samples = join(root, 'samples');

/** The file a command name means on this machine's PATH, or undefined. */
export function onPath(command) {
  const names = process.platform === 'win32' ? [`${command}.cmd`, `${command}.exe`] : [command];
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      const file = join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not here: look on.
      }
    }
  }
  return undefined;
}

/** An error whose message is all a user needs; scripts print it without a stack. */
export class UserError extends Error {}

/** Runs a script's main function: a `UserError` becomes its message and exit code 1. */
export async function main(body) {
  try {
    process.exitCode = (await body(process.argv.slice(2))) ?? 0;
  } catch (error) {
    console.error(error instanceof UserError ? error.message : error);
    process.exitCode = 1;
  }
}

/** Runs a program with inherited output; resolves to its exit code (128 + n for a signal). */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? (signal ? 130 : 1)));
  });
}

/** Runs one of the programs in node_modules/.bin. */
export function runTool(name, args, options = {}) {
  const file = join(root, 'node_modules', '.bin', process.platform === 'win32' ? `${name}.cmd` : name);
  return run(file, args, { shell: process.platform === 'win32', ...options });
}

/** `npm` in `folder`, quiet; throws with npm's own words if it fails. */
export function npm(folder, args) {
  mkdirSync(folder, { recursive: true });
  execFileSync(
    process.platform === 'win32' ? 'npm.cmd' : 'npm',
    [...args, '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    },
  );
}

/** Can a window be opened here? */
export function hasDisplay() {
  if (process.platform !== 'linux') return true;
  return Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}

export function built(name) {
  return existsSync(join(dist, name));
}
