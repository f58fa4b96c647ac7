/** The kernel that a program runs on if none is named. */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The one that ships with Ringside, seen from dist/ as from this folder. */
const SHIPPED = join(__dirname, '..', 'samples', 'kernel');

/** The folder `kernel` beside or above the program, else the sample kernel that ships with Ringside. */
export function defaultKernel(program: string): string {
  for (let folder = dirname(resolve(program)); ; folder = dirname(folder)) {
    const kernel = join(folder, 'kernel');
    if (holdsSources(kernel)) return kernel;
    if (folder === dirname(folder)) return SHIPPED;
  }
}

function holdsSources(folder: string): boolean {
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder && readdirSync(folder).some((name) => /\.s$/i.test(name));
}
