// Files from Debian packages, without installing them and without root: apt's lists and archives are kept in .cache/apt.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cache, onPath, UserError } from './project.mjs';

const folder = join(cache, 'apt');

/** A server that does not answer must not stop the tests. */
const NETWORK = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::https::Timeout=20'];
const OWN_STATE = [
  ...['-o', `Dir::State::Lists=${join(folder, 'lists')}`, '-o', `Dir::Cache=${join(folder, 'cache')}`],
  ...['-o', 'APT::Sandbox::User='],
];
const UPDATE_SECONDS = 120;
const DOWNLOAD_SECONDS = 300;
/** Exit code of timeout(1). */
const TIMED_OUT = 124;

let updated = false;
/** Servers that did not answer once are not asked again. */
let unreachable;

/** Takes one file out of a package: the first of `candidates` that is there becomes `file`. Throws UserError. */
export function fileFromPackage(file, packageName, candidates) {
  if (existsSync(file)) return file;
  const work = `${file}.work`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  try {
    update();
    run('apt-get', ['-qq', ...NETWORK, ...OWN_STATE, 'download', packageName], DOWNLOAD_SECONDS, work);
    const archive = readdirSync(work).find((entry) => entry.endsWith('.deb'));
    if (!archive) throw new UserError(`${packageName} could not be downloaded.`);
    run('dpkg-deb', ['-x', archive, 'root'], DOWNLOAD_SECONDS, work);
    const found = candidates.map((path) => join(work, 'root', path)).find((path) => existsSync(path));
    if (!found) throw new UserError(`The package ${packageName} holds none of ${candidates.join(', ')}.`);
    mkdirSync(dirname(file), { recursive: true });
    renameSync(found, file);
    return file;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The first package matching `pattern` that a package depends on. Throws UserError. */
export function dependency(packageName, pattern) {
  update();
  const depends = run('apt-cache', [...OWN_STATE, 'depends', packageName], UPDATE_SECONDS);
  const found = pattern.exec(depends)?.[0];
  if (!found) throw new UserError(`The package servers know no ${packageName}.`);
  return found;
}

function update() {
  if (updated) return;
  if (!onPath('apt-get') || !onPath('dpkg-deb')) {
    throw new UserError('This needs apt-get and dpkg-deb: it takes Debian packages apart.');
  }
  for (const part of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(folder, part), { recursive: true });
  if (unreachable) throw unreachable;
  try {
    run('apt-get', ['-qq', ...NETWORK, ...OWN_STATE, 'update'], UPDATE_SECONDS);
    updated = true;
  } catch (error) {
    unreachable = error;
    throw error;
  }
}

/** What the program prints. Throws UserError with the last line it said on stderr if it fails or takes too long. */
function run(program, args, seconds, cwd = folder) {
  // timeout(1) also ends what the program has started, which would keep the pipes open.
  const { status, stdout, stderr } = spawnSync('timeout', ['-k', '5', `${seconds}`, program, ...args], {
    ...{ cwd, encoding: 'utf8', maxBuffer: 1 << 26 },
  });
  if (status === 0) return stdout;
  const said = stderr?.trim().split('\n').at(-1) ?? '';
  throw new UserError(
    `${program}: ${status === TIMED_OUT ? `no end after ${seconds} s` : said || `exit code ${status}`}`,
  );
}
