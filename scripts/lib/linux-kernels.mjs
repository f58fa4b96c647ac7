// Real kernels and a busybox for the tests, from Debian's archive; kept in .cache/linux.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cache, onPath, root, UserError } from './project.mjs';

const folder = join(cache, 'linux');

/** Debian's packages that depend on the newest kernel of a line. */
const STOCK = {
  'cloud-6.1': 'linux-image-cloud-amd64',
  'amd64-6.1': 'linux-image-amd64',
  'cloud-6.12': 'linux-image-6.12-cloud-amd64',
};

/**
 * Paths by name: `busybox`, the stock kernels (bzImage) and, with `small`, a small kernel with debugging information
 * (`small`, its vmlinux; `small-bzImage`).
 */
export function linuxKernels({ stock, small }) {
  if (!onPath('apt-get') || !onPath('dpkg-deb')) {
    throw new UserError('The kernels come from Debian packages: this needs apt-get and dpkg-deb.');
  }
  mkdirSync(folder, { recursive: true });
  const paths = { busybox: fromPackage('busybox', 'busybox-static', ['bin/busybox', 'usr/bin/busybox']) };
  for (const name of stock) paths[name] = stockKernel(name);
  if (small) Object.assign(paths, smallKernel());
  return paths;
}

function stockKernel(name) {
  const file = join(folder, name);
  if (existsSync(file)) return file;
  const depends = execFileSync('apt-cache', ['depends', STOCK[name]], { encoding: 'utf8' });
  const packageName = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (!packageName) throw new UserError(`The package ${STOCK[name]} names no kernel. Run apt-get update first.`);
  return fromPackage(name, packageName, [`boot/vmlinuz-${packageName.replace('linux-image-', '')}`]);
}

/** Takes a file out of a package without installing it. */
function fromPackage(name, packageName, candidates) {
  const file = join(folder, name);
  if (existsSync(file)) return file;
  const work = join(folder, `${name}.work`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  try {
    execFileSync('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', packageName], { cwd: work });
    const archive = readdirSync(work).find((entry) => entry.endsWith('.deb'));
    execFileSync('dpkg-deb', ['-x', archive, 'root'], { cwd: work });
    const found = candidates.map((path) => join(work, 'root', path)).find((path) => existsSync(path));
    if (!found) throw new UserError(`The package ${packageName} holds none of ${candidates.join(', ')}.`);
    renameSync(found, file);
    return file;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Compiled from Debian's kernel source, in a few minutes. */
function smallKernel() {
  const paths = { small: join(folder, 'small-vmlinux'), 'small-bzImage': join(folder, 'small-bzImage') };
  if (Object.values(paths).every((path) => existsSync(path))) return paths;
  const work = join(folder, 'small.work');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  execFileSync('bash', [join(root, 'test', 'linux', 'build-small-kernel.sh'), work], { stdio: 'inherit' });
  copyFileSync(join(work, 'vmlinux'), paths.small);
  copyFileSync(join(work, 'arch', 'x86', 'boot', 'bzImage'), paths['small-bzImage']);
  rmSync(work, { recursive: true, force: true });
  return paths;
}
