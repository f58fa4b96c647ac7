// Installs node_modules when it does not match package-lock.json. Runs before `npm start` and `npm test`, so it may
// use nothing but Node itself.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The packages a lock file names, as path -> version; optional ones for other platforms are left out. */
function packages(lockFile) {
  if (!existsSync(lockFile)) return undefined;
  const lock = JSON.parse(readFileSync(lockFile, 'utf8'));
  return Object.entries(lock.packages ?? {})
    .filter(([path, entry]) => path !== '' && !entry.optional)
    .map(([path, entry]) => `${path}@${entry.version}`)
    .sort();
}

/** What npm recorded of the last installation equals what the lock file asks for. */
function upToDate() {
  const wanted = packages(join(root, 'package-lock.json'));
  const installed = packages(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !installed) return false;
  const have = new Set(installed);
  return wanted.every((entry) => have.has(entry));
}

if (!upToDate()) {
  console.log('Installing dependencies (npm ci)…');
  execFileSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
}
