// Real kernels and a busybox for the tests, from Debian's archive; kept in .cache/linux.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dependency, fileFromPackage } from './debian-packages.mjs';
import { cache, root, UserError } from './project.mjs';

const folder = join(cache, 'linux');
const recipes = join(root, 'test', 'linux');

/** Debian's packages that depend on the newest kernel of a line. */
const STOCK = {
  'cloud-6.1': 'linux-image-cloud-amd64',
  'amd64-6.1': 'linux-image-amd64',
  'cloud-6.12': 'linux-image-6.12-cloud-amd64',
};

/** Small kernels with debugging information, compiled here: the version of Debian's source package of each. */
const SMALL = { small: '6.1', 'small-6.12': '6.12' };

const BUILD_MINUTES = 60;

export const STOCK_KERNELS = Object.keys(STOCK);
export const SMALL_KERNELS = Object.keys(SMALL);

/**
 * `paths` by name: `busybox`, stock kernels (bzImage), small ones (`small` is a vmlinux, `small-bzImage` the other form).
 * `missing` tells by name why one could not be had.
 */
export function linuxKernels(names) {
  mkdirSync(folder, { recursive: true });
  const paths = {};
  const missing = {};
  const get = (name, kernel) => {
    try {
      Object.assign(paths, kernel());
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      missing[name] = error.message;
    }
  };
  get('busybox', () => ({ busybox: busybox() }));
  for (const name of names) get(name, () => (name in SMALL ? smallKernel(name) : { [name]: stockKernel(name) }));
  return { paths, missing };
}

/** A static busybox. Throws UserError. */
export function busybox() {
  return fileFromPackage(join(folder, 'busybox'), 'busybox-static', ['bin/busybox', 'usr/bin/busybox']);
}

function stockKernel(name) {
  const file = join(folder, name);
  if (existsSync(file)) return file;
  const packageName = dependency(STOCK[name], /linux-image-\d\S+/);
  return fileFromPackage(file, packageName, [`boot/vmlinuz-${packageName.replace('linux-image-', '')}`]);
}

/** Debian's kernel source of a line of versions, packed. Throws UserError. */
export function kernelSource(version) {
  const name = `linux-source-${version}.tar.xz`;
  const installed = join('/usr/src', name);
  if (existsSync(installed)) return installed;
  return fileFromPackage(join(folder, name), `linux-source-${version}`, [`usr/src/${name}`]);
}

/** Compiled in a few minutes, once for each state of its options. Throws UserError. */
export function smallKernel(name) {
  const paths = { [name]: join(folder, `${name}-vmlinux`), [`${name}-bzImage`]: join(folder, `${name}-bzImage`) };
  const made = join(folder, `${name}.made`);
  const script = join(recipes, 'build-small-kernel.sh');
  const recipe = [script, join(recipes, 'small.config')].map((file) => readFileSync(file, 'utf8')).join('');
  if (existsSync(made) && readFileSync(made, 'utf8') === recipe) return paths;
  const source = kernelSource(SMALL[name]);
  const work = join(folder, `${name}.work`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  try {
    // timeout(1) ends the compilers too.
    const { status } = spawnSync('timeout', [`${BUILD_MINUTES}m`, 'bash', script, source, work], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status === 124) throw new UserError(`It was not compiled within ${BUILD_MINUTES} minutes.`);
    if (status !== 0) throw new UserError('It could not be compiled; the lines above tell why.');
    copyFileSync(join(work, 'vmlinux'), paths[name]);
    copyFileSync(join(work, 'arch', 'x86', 'boot', 'bzImage'), paths[`${name}-bzImage`]);
    writeFileSync(made, recipe);
    return paths;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
